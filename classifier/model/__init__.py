"""What is kept of a training: the model, how it reads text, and how it is stored."""
