"""Lets timm import torchvision where torchvision's compiled operators cannot be loaded.

timm imports torchvision, and torchvision registers fake kernels for its operators while it is imported.
Beside a CPU build of Torch its compiled part does not load, the operators do not exist, and the import
fails with "operator torchvision::nms does not exist". No backbone uses any of them, so declaring their
names is enough. Calling one still fails, as it should: there is no implementation behind the name.
"""

import importlib.util
from pathlib import Path

import torch

_SCHEMAS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "roi_align": "(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width,"
    " int sampling_ratio, bool aligned) -> Tensor",
    "qroi_align": "(Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width,"
    " int sampling_ratio, bool aligned) -> Tensor",
    "roi_pool": "(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width)"
    " -> (Tensor, Tensor)",
    "ps_roi_align": "(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height,"
    " SymInt pooled_width, int sampling_ratio) -> (Tensor, Tensor)",
    "ps_roi_pool": "(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height,"
    " SymInt pooled_width) -> (Tensor, Tensor)",
    "deform_conv2d": "(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, SymInt stride_h,"
    " SymInt stride_w, SymInt pad_h, SymInt pad_w, SymInt dilation_h, SymInt dilation_w, SymInt groups,"
    " SymInt offset_groups, bool use_mask) -> Tensor",
}

# Torch forgets the declarations as soon as the library object is collected.
_declared: list[torch.library.Library] = []


def declare_torchvision_operators() -> bool:
    """Declare torchvision's operators if the real ones cannot be loaded; call before importing timm.

    Returns
    -------
    bool
        True if this call, or an earlier one, declared them; False if the real ones are there.
    """
    if _declared:
        return True
    if _real_operators_present():
        return False
    library = torch.library.Library("torchvision", "DEF")
    for name, schema in _SCHEMAS.items():
        library.define(name + schema)
    _declared.append(library)
    return True


def _real_operators_present() -> bool:
    """Load torchvision's compiled part the way torchvision itself would, without importing it."""
    if hasattr(torch.ops.torchvision, "nms"):
        return True
    package = importlib.util.find_spec("torchvision")
    if package is None or package.origin is None:
        return False
    for compiled in sorted(Path(package.origin).parent.glob("_C*.so")):
        try:
            torch.ops.load_library(str(compiled))
        except OSError:
            continue
    return hasattr(torch.ops.torchvision, "nms")
