"""The libraries llama.cpp and ggml, opened once: silent, their error lines kept for ours."""

import functools
import os
from collections import deque
from ctypes import c_bool, c_char_p, c_int, c_size_t, c_void_p
from typing import Any

from infra.errors import Refused

ERROR_LEVEL = 4  # GGML_LOG_LEVEL_ERROR of ggml.h

#: functions of ggml.h and ggml-backend.h -> result, arguments; a pointer stays an integer
GGML: dict[str, tuple[Any, list[Any]]] = {
    "ggml_get_name": (c_void_p, [c_void_p]),
    "ggml_nbytes": (c_size_t, [c_void_p]),
    "ggml_is_quantized": (c_bool, [c_int]),
    "ggml_type_name": (c_char_p, [c_int]),
    "ggml_backend_buffer_name": (c_char_p, [c_void_p]),
    "ggml_backend_buffer_get_usage": (c_int, [c_void_p]),
    "ggml_backend_buffer_get_type": (c_void_p, [c_void_p]),
    "ggml_backend_buffer_is_host": (c_bool, [c_void_p]),
    "ggml_backend_tensor_get": (None, [c_void_p, c_void_p, c_size_t, c_size_t]),
    "ggml_backend_buft_name": (c_char_p, [c_void_p]),
    "ggml_backend_buft_get_device": (c_void_p, [c_void_p]),
    "ggml_backend_dev_count": (c_size_t, []),
    "ggml_backend_dev_get": (c_void_p, [c_size_t]),
    "ggml_backend_dev_name": (c_char_p, [c_void_p]),
    "ggml_backend_dev_type": (c_int, [c_void_p]),
    "ggml_backend_dev_memory": (None, [c_void_p, c_void_p, c_void_p]),
}


class Library:
    """``llama`` is the module llama_cpp, ``ggml`` the shared library under it."""

    def __init__(self) -> None:
        # an abort would otherwise start a debugger to print where it was
        os.environ.setdefault("GGML_NO_BACKTRACE", "1")
        import llama_cpp
        from llama_cpp._ggml import libggml

        self.llama: Any = llama_cpp
        self.ggml: Any = libggml
        for name, (result, arguments) in GGML.items():
            function = getattr(libggml, name)
            function.restype, function.argtypes = result, arguments
        self._errors: deque[str] = deque(maxlen=16)
        self._callback = llama_cpp.llama_log_callback(self._keep)
        llama_cpp.llama_log_set(self._callback, None)
        llama_cpp.llama_backend_init()

    def _keep(self, level: int, text: bytes, _: object) -> None:
        if level == ERROR_LEVEL:
            self._errors.append(text.decode(errors="replace").strip())

    def forget(self) -> None:
        """Drop the errors kept so far."""
        self._errors.clear()

    def complaint(self) -> str:
        """The first error since ``forget``: the cause, where later lines only pass it on."""
        first = self._errors[0] if self._errors else "it does not say why"
        return first.removeprefix("llama_model_load: ").split(": ", 1)[-1]


@functools.lru_cache(maxsize=1)
def library() -> Library:
    """The one library of this process.

    Raises:
        Refused: it is not installed, or was built for another processor or system.
    """
    try:
        return Library()
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        raise Refused(
            f"llama-cpp-python cannot be used here: {error}. "
            "Reinstall it with: pip install --force-reinstall 'infra[llama-cpp]'"
        ) from error
