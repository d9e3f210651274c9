"""TensorFlow's and h5py's files: shows their compiled parts the job's folder as ``/opt/ml``.

TensorFlow opens files in C++, where what ``sitecustomize`` exchanges in Python is not reached: it would read nothing
below ``/opt/ml``, and write into that folder of the machine.  So a path is exchanged where Python hands it on:

- in the functions of the compiled modules that take paths (``tf.io.gfile``, TFRecord, checkpoints' readers, …);
- in the arguments of operations that name files (``tf.io.read_file``, ``tf.data``, SavedModel's variables, …), by the
  three functions through which every operation is called.  Where an operation is built into a graph, and the name is
  known when that runs, an operation that exchanges it goes before.

Each module is changed when it has been imported, before anything takes a function from it.  A script that imports
none of them pays for one look-up in a table for each of its imports.
"""

from __future__ import annotations

import contextvars
import functools
import os
import re
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, NamedTuple

Function = Callable[..., Any]

# Operations that name files: by the name of the input, and its place among the operation's inputs.
INPUTS = {
    ("filename", 0): "ReadFile WriteFile Save SaveSlices",
    ("filename", 1): "CacheDataset CacheDatasetV2 DatasetToTFRecord ExperimentalDatasetToTFRecord "
    "InitializeTableFromTextFile InitializeTableFromTextFileV2",
    ("filenames", 0): "CSVDataset CSVDatasetV2 ExperimentalCSVDataset ExperimentalLMDBDataset FixedLengthRecordDataset "
    "FixedLengthRecordDatasetV2 LMDBDataset TFRecordDataset TFRecordDatasetV2 TextLineDataset",
    ("prefix", 0): "SaveV2 RestoreV2 DTensorRestoreV2",
    ("checkpoint_prefixes", 0): "MergeV2Checkpoints",
    ("destination_prefix", 1): "MergeV2Checkpoints",
    ("path", 0): "LoadDataset",
    ("path", 1): "SaveDataset SaveDatasetV2 SnapshotDataset SnapshotDatasetV2",
    ("directory", 1): "DistributedSave",
    ("data_source_name", 1): "ExperimentalSqlDataset SqlDataset",
    ("file_pattern", 0): "Restore RestoreSlice",
    ("logdir", 1): "CreateSummaryFileWriter",
    ("db_uri", 1): "CreateSummaryDbWriter",
    ("pattern", 0): "MatchingFiles",
    ("patterns", 0): "ExperimentalMatchingFilesDataset MatchingFilesDataset",
    ("snapshot_path", 0): "ListSnapshotChunksDataset",
    ("shard_dir", 0): "SnapshotDatasetReader",
    ("chunk_file", 0): "SnapshotChunkDataset",
    ("new_vocab_file", 0): "GenerateVocabRemapping",
    ("old_vocab_file", 1): "GenerateVocabRemapping",
    ("ckpt_path", 0): "LoadAndRemapMatrix",
}
# And by the name of an attribute.
ATTRIBUTES = {
    "file_pattern": "RecordInput",
    "filename": "Skipgram",
    "vocab_file": "FixedUnigramCandidateSampler",
    "output_file_path": "CalibrationStatisticsSaver",
    "log_dir_path": "DumpTensor",
    "output_stream": "PrintV2",
    "debug_urls": "DebugIdentity DebugIdentityV2 DebugIdentityV3 DebugNanCount DebugNumericSummary",
    "reader_path_prefix": "SnapshotDataset",
    "writer_path_prefix": "SnapshotDataset",
}
FINDS = "MatchingFiles"  # the operation that gives paths
# A model that is saved with its tables holds these, and gives them the names of its own files when it is loaded.
OF_ASSETS = ("InitializeTableFromTextFile", "InitializeTableFromTextFileV2")
# Modules, most of them compiled, and those of their functions and classes that take paths; all if none is named.
TAKING: dict[str, tuple[str, ...]] = {
    "h5py.h5f": ("create", "is_hdf5", "open"),
    "tensorflow.compiler.mlir.quantization.tensorflow.python.pywrap_quantize_model": (),
    "tensorflow.compiler.mlir.tensorflow_to_stablehlo.python.pywrap_tensorflow_to_stablehlo": (),
    "tensorflow.lite.python._pywrap_analyzer_wrapper": (),
    "tensorflow.lite.python.convert": ("build_conversion_flags", "build_model_flags"),
    "tensorflow.lite.python._pywrap_tensorflow_interpreter_wrapper": ("CreateWrapperFromFile",),
    "tensorflow.python._pywrap_mlir": (),
    "tensorflow.python._pywrap_tfcompile": (),
    "tensorflow.python.client._pywrap_debug_events_writer": (),
    "tensorflow.python.client._pywrap_events_writer": ("EventsWriter",),
    "tensorflow.python.client._pywrap_tf_session": ("TF_LoadLibrary",),
    "tensorflow.python.lib.io._pywrap_file_io": (),
    "tensorflow.python.lib.io._pywrap_record_io": (),
    "tensorflow.python.profiler.internal._pywrap_profiler": (),
    "tensorflow.python.profiler.internal._pywrap_profiler_plugin": (),
    "tensorflow.python.saved_model.load": ("load_partial",),  # and the files of its assets
    "tensorflow.python.saved_model.load_v1_in_v2": ("load",),
    "tensorflow.python.util._pywrap_checkpoint_reader": ("CheckpointReader",),
    "tensorflow.python.util._pywrap_tfprof": (),
}
# What stands in these after the first argument is what is written.
ONE_PATH = ("WriteStringToFile",)
# Variables of the environment that TensorFlow's compiled parts read paths from.
VARIABLES = ("TF_DUMP_GRAPH_PREFIX", "TF_XLA_FLAGS", "XLA_FLAGS")

SCHEME = "file://"  # which TensorFlow takes for the machine's files, too


class Paths(NamedTuple):
    """How paths are exchanged in this process."""

    root: str
    prefixes: tuple[str, ...]
    real: Function  # of a path that may lie below a prefix
    seen: Callable[[str], str]  # of a text with real paths
    text: Callable[[str], str]  # of a text with paths that may lie below a prefix


# Whether operations are built as they are: into a graph that is stored, and whose user gives it a real path.
_stored: contextvars.ContextVar[bool] = contextvars.ContextVar("stored", default=False)


def install(paths: Paths) -> None:
    """Exchange paths in what TensorFlow and h5py are compiled of, once they are imported."""
    sys.meta_path.insert(0, _Finder(_Files(paths)))
    os.putenv = _putting(os.putenv, paths)


def _putting(function: Function, paths: Paths) -> Function:
    """``os.putenv``, by which ``os.environ`` tells the program's compiled parts."""

    def putenv(name: Any, value: Any) -> Any:
        if os.fsdecode(name) in VARIABLES:
            value = os.fsencode(paths.text(os.fsdecode(value)))
        return function(name, value)

    return putenv


class _Finder:
    """Finds the modules that are to be changed, as Python does, and has them changed when they have run."""

    def __init__(self, files: _Files) -> None:
        self._changes: dict[str, Callable[[Any], None]] = {
            **{name: functools.partial(files.taking, names=names) for name, names in TAKING.items()},
            "tensorflow.python._pywrap_tfe": files.fast_operations,
            "tensorflow.python.eager.execute": files.operations,
            "tensorflow.python.framework.op_def_library": files.operations_of_graphs,
            "tensorflow.python.checkpoint.functional_saver": files.savers,
            "tensorflow.python.training.saver": files.older_savers,
            "tensorflow.python.saved_model.pywrap_saved_model": files.fingerprints,
            "tensorflow.python.data.experimental.service.server_lib": files.data_service,
        }

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        change = self._changes.get(name)
        if change is None or (spec := PathFinder.find_spec(name, path, target)) is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            change(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


class _Files:
    """The changes of modules."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        either = "|".join(map(re.escape, paths.prefixes))
        self._pattern = f"^({re.escape(SCHEME)})?((?:{either})(?:/|$))"
        self._rewrite = r"\1" + paths.root.replace("\\", r"\\") + r"\2"
        self._inputs: dict[str, dict[str, int]] = {}
        for (argument, place), operations in INPUTS.items():
            for operation in operations.split():
                self._inputs.setdefault(operation, {})[argument] = place
        self._attributes: dict[str, list[str]] = {}
        for attribute, operations in ATTRIBUTES.items():
            for operation in operations.split():
                self._attributes.setdefault(operation, []).append(attribute)

    # What takes paths

    def taking(self, module: Any, names: tuple[str, ...] = ()) -> None:
        """Exchange paths in all arguments of a module's functions and classes, or of those that are named."""
        for name in names or [name for name in vars(module) if not name.startswith("_")]:
            value = getattr(module, name, None)
            if isinstance(value, type):
                for method in ("__init__", "start") if name == "ProfilerSession" else ("__init__",):
                    setattr(value, method, self._taking(getattr(value, method), 1))
            elif callable(value):
                setattr(module, name, self._taking(value, 0, 1 if name in ONE_PATH else None))

    def fingerprints(self, module: Any) -> None:
        """What identifies a SavedModel is computed of its files."""
        self.taking(module, ("Save",))
        self.taking(module.fingerprinting, ("CreateFingerprintDef", "ReadSavedModelFingerprint"))
        self.taking(module.fingerprinting, ("SingleprintFromFP", "SingleprintFromSM"))

    def _taking(self, function: Function, first: int, last: int | None = None) -> Function:
        """``function`` with the paths among its arguments exchanged, and those it gives back again."""

        @functools.wraps(function)
        def rerooted(*args: Any, **kwargs: Any) -> Any:
            real = [self._path(value) for value in args[first:last]]
            changed = any(new is not old for new, old in zip(real, args[first:last], strict=True))
            rest = args[last:] if last is not None else ()
            kwargs = {name: value if name == "data" else self._path(value) for name, value in kwargs.items()}
            answer = function(*args[:first], *real, *rest, **kwargs)
            if changed and isinstance(answer, list):
                return [self._paths.seen(item) if isinstance(item, str) else item for item in answer]
            return answer

        return rerooted

    def _path(self, value: Any) -> Any:
        """A path, maybe with the scheme of files; anything else is given back as it is."""
        scheme = SCHEME.encode() if isinstance(value, bytes) else SCHEME
        if isinstance(value, (str, bytes)) and value.startswith(scheme):  # type: ignore[arg-type]
            return scheme + self._paths.real(value[len(scheme) :])
        return self._paths.real(value)

    # Operations

    def fast_operations(self, module: Any) -> None:
        """The function that runs an operation at once."""
        execute = module.TFE_Py_FastPathExecute

        def rerooted(context: Any, operation: str, name: Any, *args: Any) -> Any:
            if operation not in self._inputs and operation not in self._attributes:
                return execute(context, operation, name, *args)
            exchanged = list(args)
            for place in self._inputs.get(operation, {}).values():
                exchanged[place] = self._names(args[place])
            for attribute in self._attributes.get(operation, ()):
                if attribute in args:
                    place = args.index(attribute) + 1
                    exchanged[place] = self._names(args[place])
            answer = execute(context, operation, name, *exchanged)
            return self._as_asked(args[0], answer) if operation == FINDS else answer

        module.TFE_Py_FastPathExecute = rerooted

    def operations(self, module: Any) -> None:
        """The function that runs an operation whose arguments had to be made tensors first."""
        execute = module.execute

        def rerooted(op_name: Any, num_outputs: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            operation = op_name.decode() if isinstance(op_name, bytes) else op_name
            exchanged = list(inputs)
            for place in self._inputs.get(operation, {}).values():
                exchanged[place] = self._names(inputs[place])
            answer = execute(op_name, num_outputs, exchanged, *args, **kwargs)
            return [self._as_asked(inputs[0], answer[0])] if operation == FINDS else answer

        module.execute = rerooted

    def operations_of_graphs(self, module: Any) -> None:
        """The function that builds an operation into a graph."""
        build = module._apply_op_helper

        def rerooted(op_type_name: str, name: Any = None, **arguments: Any) -> Any:
            for argument in (*self._inputs.get(op_type_name, ()), *self._attributes.get(op_type_name, ())):
                if argument in arguments:
                    known = _stored.get() or op_type_name in OF_ASSETS
                    arguments[argument] = self._names(arguments[argument], known)
            return build(op_type_name, name=name, **arguments)

        module._apply_op_helper = rerooted

    def _names(self, value: Any, stored: bool = False) -> Any:
        """Names of files as an operation takes them: a text, several, or a tensor of texts, if that is not stored."""
        if isinstance(value, (list, tuple)):
            return type(value)([self._names(item, stored) for item in value])
        if _is_tensor(value):
            if stored or value.dtype.name != "string":
                return value
            operations = sys.modules["tensorflow.python.ops.gen_string_ops"]
            return operations.static_regex_replace(value, self._pattern, self._rewrite, replace_global=False)
        if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
            return self._names(value.tolist())
        return self._path(value)

    def _as_asked(self, pattern: Any, found: Any) -> Any:
        """The files that a pattern finds, below the folder that was asked for."""
        asked = pattern.numpy() if _is_tensor(pattern) else pattern
        if all(self._path(item) is item for item in _flat(asked)):
            return found
        operations = sys.modules["tensorflow.python.ops.gen_string_ops"]
        return operations.static_regex_replace(found, "^" + re.escape(self._paths.root), "", replace_global=False)

    # What is stored with a model, and would name this job's folder in its artifact

    def savers(self, module: Any) -> None:
        """The part of a SavedModel that saves and restores it."""
        module.MultiDeviceSaver.to_proto = _as_stored(module.MultiDeviceSaver.to_proto)

    def older_savers(self, module: Any) -> None:
        """The same of TensorFlow 1, which is also what its programs save with: by a name they are told."""
        module.BaseSaverBuilder._build_internal = _as_stored(module.BaseSaverBuilder._build_internal)
        save, restore = module.Saver.save, module.Saver.restore

        @functools.wraps(save)
        def save_rerooted(saver: Any, sess: Any, save_path: Any, *args: Any, **kwargs: Any) -> Any:
            answer = save(saver, sess, self._path(save_path), *args, **kwargs)
            return self._paths.seen(answer) if isinstance(answer, str) else answer

        @functools.wraps(restore)
        def restore_rerooted(saver: Any, sess: Any, save_path: Any) -> Any:
            return restore(saver, sess, self._path(save_path))

        module.Saver.save, module.Saver.restore = save_rerooted, restore_rerooted

    def data_service(self, module: Any) -> None:
        """The journal of a server of ``tf.data``, whose folder stands in its configuration."""
        made = module.DispatcherConfig.__new__
        module.DispatcherConfig.__new__ = staticmethod(self._taking(made, 1))


def _as_stored(function: Function) -> Function:
    """``function``, which builds operations that are given real paths when they run."""

    @functools.wraps(function)
    def unchanged(*args: Any, **kwargs: Any) -> Any:
        before = _stored.set(True)
        try:
            return function(*args, **kwargs)
        finally:
            _stored.reset(before)

    return unchanged


def _is_tensor(value: Any) -> bool:
    return type(value).__name__ == "EagerTensor" or (hasattr(value, "dtype") and hasattr(value, "graph"))


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _flat(item)
    elif hasattr(value, "tolist"):
        yield from _flat(value.tolist())
    else:
        yield value
