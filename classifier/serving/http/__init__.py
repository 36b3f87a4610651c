"""The models as an HTTP service; needs the extra ``serve``."""
