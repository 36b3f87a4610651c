"""fastText with pairs of words and its default size of vectors."""

import fasttext_peer
import worker

if __name__ == "__main__":
    fasttext_peer.OPTIONS |= {"wordNgrams": 2, "bucket": 200_000, "dim": 100}
    worker.run(fasttext_peer.train, fasttext_peer.load)
