"""Depthwise convolutions that learn quickly on a processor.

Torch's gradients of a convolution with one filter a channel take 5 to 40 times as long as the convolution itself where
maps are small (50 ms for 64 maps of 4 x 4 with 480 channels). Both are sums that Torch does fast in another form: the
gradient of the input is a convolution with the turned filters, that of a filter's value the product of the input,
shifted, with the gradient of the output.
"""

from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional

_FEW_PX = 64  # of an output map; on larger ones Torch's own gradient of the filters is as fast


def hasten_depthwise(module: nn.Module) -> None:
    """Give the depthwise convolutions of a network, of stride 1 with odd filters, these gradients.

    Outputs keep their bits; gradients are the same sums in another order.
    """
    for part in module.modules():
        if type(part) is nn.Conv2d and _is_meant(part):
            cast(Any, part)._conv_forward = _Convolution(part.padding[0])


def _is_meant(part: nn.Conv2d) -> bool:
    plain = part.stride == (1, 1) and part.dilation == (1, 1) and part.padding_mode == "zeros"
    odd = part.kernel_size[0] == part.kernel_size[1] == 2 * int(part.padding[0]) + 1 == 2 * int(part.padding[1]) + 1
    return plain and odd and part.groups == part.in_channels == part.out_channels > 1


class _Convolution:
    """What `nn.Conv2d` calls with its input, its weight and its bias."""

    def __init__(self, padding: int | str) -> None:
        self._padding = int(padding)

    def __call__(self, values: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        if values.device.type != "cpu":
            return functional.conv2d(values, weight, bias, padding=self._padding, groups=len(weight))
        found: torch.Tensor = cast(Any, _Depthwise).apply(values, weight, self._padding)
        return found if bias is None else found + bias.view(1, -1, 1, 1)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, weight: torch.Tensor, padding: int) -> torch.Tensor:
        ctx.save_for_backward(values, weight)
        ctx.padding = padding
        return functional.conv2d(values, weight, padding=padding, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:
        [gradient] = gradients
        values, weight = ctx.saved_tensors
        of_values = of_weight = None
        if ctx.needs_input_grad[0]:
            turned = weight.flip(2, 3)
            of_values = functional.conv2d(gradient, turned, padding=ctx.padding, groups=len(weight))
        if ctx.needs_input_grad[1]:
            of_weight = _of_filters(values, gradient, weight, ctx.padding)
        return of_values, of_weight, None


def _of_filters(values: torch.Tensor, gradient: torch.Tensor, weight: torch.Tensor, padding: int) -> torch.Tensor:
    """Gradient of the filters, [C, 1, K, K]."""
    height, width = gradient.shape[2:]
    if height * width > _FEW_PX:
        found: torch.Tensor = torch.ops.aten.convolution_backward(
            gradient, values, weight, None, [1, 1], [padding] * 2, [1, 1], False, [0, 0], len(weight),
            [False, True, False],
        )[1]  # fmt: skip
        return found
    padded = functional.pad(values, (padding,) * 4).permute(0, 2, 3, 1).contiguous()
    last = gradient.permute(0, 2, 3, 1).contiguous()
    found = torch.empty_like(weight)
    for down in range(weight.shape[2]):
        for right in range(weight.shape[3]):
            shifted = padded[:, down : down + height, right : right + width]
            found[:, 0, down, right] = (shifted * last).sum(dim=(0, 1, 2))
    return found
