"""How busy an accelerator is: unknown where there is none."""

import pytest

from infra.resources import gpu


@pytest.mark.parametrize("device", ["cpu", "mps", "metal", "Vulkan0"])
def test_other_devices_are_unknown(device: str) -> None:
    assert gpu.percent(device) is None


def test_an_nvidia_device_is_read_or_unknown() -> None:
    found = gpu.percent("cuda:0")
    assert found is None or 0 <= found <= 100
