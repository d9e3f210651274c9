"""What the lessons of this course use besides the SageMaker SDK.

``start`` says where the SageMaker calls of a lesson go; ``load`` and ``split`` give its table;
``scores`` and ``plots`` show how well a model does, ``interval`` and ``paired_interval`` how sure that is;
``check`` says what is right or wrong about the answer to an exercise; ``clean_up`` deletes what the course made.
"""

from importlib import import_module

_PLACES = {
    "start": "utils.course",
    "load": "utils.tables",
    "split": "utils.tables",
    "scores": "utils.scoring",
    "interval": "utils.scoring",
    "paired_interval": "utils.scoring",
    "plots": "utils.plots",
    "check": "utils.check",
    "clean_up": "utils.sweep",
}


def __getattr__(name: str):
    # On first use: the embedded account's processes import this package and need neither pandas nor the SDK.
    if name not in _PLACES:
        raise AttributeError(f"module 'utils' has no attribute '{name}'")
    if name == "plots":  # before Matplotlib, which reads at its import where figures go
        import_module("utils.preflight.machine").draw_in_page()
    module = import_module(_PLACES[name])
    globals()[name] = module if name in ("plots", "check") else getattr(module, name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted(_PLACES)
