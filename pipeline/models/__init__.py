"""The networks: backbones, autoencoders and their training. Torch only; no engine and no store.

What an actor holds is an `Encoder` or a `StackedEncoder`; the same object runs in a plain loop.
"""
