"""Which runtime is fast: every network on what it is really given, each runtime in turn.

    python -m benchmarks.runtimes [--rounds 9] [--threads 1] [--bf16] [--only NAME]

Prints a Markdown table for each network: how many times as fast as plain eager each runtime is
(the ratio of medians over the rounds), how long it takes to get ready, and how far its output is
from eager's. The runtimes take turns, round by round, so that whatever else the machine does hits
all alike; eager comes twice in every round, and its second column says how much the ratios mean.
Runtimes that are not installed are left out: pip install openvino onnxruntime onnx.
"""

import argparse
import copy
import importlib
import importlib.util
import io
import statistics
import time
import warnings
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from workers.catalog import model_folder
from workers.contract import PixelSpacing
from workers.inflammation import model as inflammation
from workers.inflammation import phantom as confocal
from workers.inflammation.network import TextureNet
from workers.layers import model as layers
from workers.layers import phantom as sections
from workers.layers.network import build
from workers.learning.serving import Network, for_answers
from workers.learning.weights import load_weights
from workers.perfusion import model as perfusion
from workers.perfusion import phantom as keloids
from workers.perfusion.network import Generator
from workers.segmentation import model as segmentation
from workers.segmentation import phantom as photos
from workers.segmentation.crop import Crop
from workers.segmentation.network import CropClassifier, DeepLab

Run = Callable[[Tensor], list[Tensor]]

CPU = torch.device("cpu")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--bf16", action="store_true", help="bf16 too: minutes without AVX-512")
    arguments.add_argument("--only", default="", help="networks whose name contains this")
    given = arguments.parse_args()
    torch.set_num_threads(given.threads)
    warnings.simplefilter("ignore")
    print(f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, ", end="")
    print(f"{given.threads} threads, median of {given.rounds} rounds\n")
    for name, network, read in networks():
        if given.only in name:
            measure(name, network, read, given)


def networks() -> Iterator[tuple[str, nn.Module, Callable[[], object]]]:
    """Yield each network as it was trained, with what has its model read one phantom."""
    photo = photos.photo(7, 512).image
    deeplab = trained(DeepLab(), "segmentation", segmentation.SEGMENTER_FILE)
    classifier = trained(CropClassifier(), "segmentation", segmentation.CLASSIFIER_FILE)
    segmenter = segmentation.Segmentation(deeplab, classifier, CPU)
    yield "segmentation, photo", deeplab, lambda: segmenter.segment(photo)
    crop = Crop(y0=100, x0=100, y1=300, x1=300, skin_share=1.0, lesion_share=0.5)
    yield "segmentation, crop", classifier, lambda: segmenter.classify(photo, crop)
    generator = trained(Generator(), "perfusion", perfusion.GENERATOR_FILE)
    keloid = keloids.keloid(7, 512).photo
    flow = perfusion.Perfusion(generator, CPU)
    yield "perfusion", generator, lambda: flow.predict_photo(keloid)
    unet = trained(build(), "layers", layers.WEIGHTS_FILE)
    section = sections.section(7).pixels
    whole = PixelSpacing(row_mm=0.001, column_mm=0.001, source="calibrated")
    reader = layers.Layers(unet, CPU)
    yield "layers", unet, lambda: reader.read_frame(section, whole)
    texture = trained(TextureNet(), "inflammation", inflammation.WEIGHTS_FILE)
    field = confocal.field(7, rows=1000, columns=1000).pixels
    half = PixelSpacing(row_mm=0.0005, column_mm=0.0005, source="calibrated")
    grader = inflammation.Inflammation(texture, CPU)
    yield "inflammation", texture, lambda: grader.read_frame(field, half)


def trained(network: Network, model: str, file: str) -> Network:
    network.load_state_dict(load_weights(model_folder(model) / "weights", file))
    return network.eval()


def seen(network: nn.Module, read: Callable[[], object]) -> tuple[nn.Module, Tensor]:
    """Return what ``read`` calls of ``network``, and with what."""
    called, target = network, network
    if isinstance(network, TextureNet):
        called, target = _Energies(network), network.texture
    given: list[Tensor] = []
    hook = target.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    read()
    hook.remove()
    return called, given[0].clone()


def share(run: Run, pixels: Tensor, read: Callable[[], object], rounds: int) -> float:
    """Return how much of the CPU time of ``read`` is the network's."""
    alone, whole = [], []
    for _ in range(rounds):
        for one, call in ((alone, lambda: run(pixels)), (whole, read)):
            start = time.process_time()
            call()
            one.append(time.process_time() - start)
    return statistics.median(alone) / statistics.median(whole)


class _Energies(nn.Module):
    def __init__(self, network: TextureNet) -> None:
        super().__init__()
        self.texture, self.energy, self.grade = network.texture, network.energy, network.grade

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        energies = self.energy(self.texture(x))
        return self.grade(energies), energies


def measure(
    name: str, network: nn.Module, read: Callable[[], object], given: argparse.Namespace
) -> None:
    network, pixels = seen(network, read)
    makers: dict[str, Callable[[nn.Module, Tensor, int], Run]] = {
        "eager": eager,
        "eager again": eager,
        "channels last": channels_last,
        "folded, channels last": folded,
        "eager bf16": bfloat16,
        "ONNX Runtime": onnxruntime,
        "OpenVINO": openvino,
    }
    if not given.bf16:
        del makers["eager bf16"]
    for module, maker in (("onnxruntime", "ONNX Runtime"), ("openvino", "OpenVINO")):
        if importlib.util.find_spec(module) is None:
            del makers[maker]
    runs: dict[str, Run] = {}
    ready, difference = {}, {}
    truth = None
    for one, make in makers.items():
        start = time.perf_counter()
        runs[one] = make(network, pixels, given.threads)
        out = [part.clone() for part in runs[one](pixels)]
        ready[one] = time.perf_counter() - start
        truth = truth or out
        difference[one] = max(
            float((a.float() - b.float()).abs().max()) for a, b in zip(out, truth, strict=True)
        )
    seconds: dict[str, list[float]] = {one: [] for one in runs}
    work: dict[str, list[float]] = {one: [] for one in runs}
    for _ in range(given.rounds):
        for one, run in runs.items():
            run(pixels)  # the cache is its own
            start, busy = time.perf_counter(), time.process_time()
            run(pixels)
            seconds[one].append(time.perf_counter() - start)
            work[one].append(time.process_time() - busy)
    medians = {one: statistics.median(values) for one, values in seconds.items()}
    busy = {one: statistics.median(values) for one, values in work.items()}
    print(f"**{name}**, {tuple(pixels.shape)}, eager {1000 * medians['eager']:.1f} ms, ", end="")
    part = share(runs["eager"], pixels, read, given.rounds)
    print(f"{1000 * busy['eager']:.1f} ms of CPU, {part:.0%} of reading the image\n")
    print("| runtime | times as fast | by CPU time | ready after, s | difference of the output |")
    print("|---|---|---|---|---|")
    for one, median in medians.items():
        print(
            f"| {one} | {medians['eager'] / median:.2f} | {busy['eager'] / busy[one]:.2f} ", end=""
        )
        print(f"| {ready[one]:.1f} | {difference[one]:.1e} |")
    print(flush=True)


def eager(network: nn.Module, _pixels: Tensor, _threads: int) -> Run:
    def run(x: Tensor) -> list[Tensor]:
        with torch.inference_mode():
            return _listed(network(x))

    return run


def channels_last(network: nn.Module, _pixels: Tensor, _threads: int) -> Run:
    network = copy.deepcopy(network).to(memory_format=torch.channels_last)

    def run(x: Tensor) -> list[Tensor]:
        with torch.inference_mode():
            return _listed(network(x.to(memory_format=torch.channels_last)))

    return run


def folded(network: nn.Module, pixels: Tensor, threads: int) -> Run:
    return eager(for_answers(network, CPU), pixels, threads)


def bfloat16(network: nn.Module, pixels: Tensor, threads: int) -> Run:
    run = channels_last(network, pixels, threads)

    def cast(x: Tensor) -> list[Tensor]:
        with torch.autocast("cpu", torch.bfloat16):
            return run(x)

    return cast


def onnxruntime(network: nn.Module, pixels: Tensor, threads: int) -> Run:
    ort = importlib.import_module("onnxruntime")

    content = io.BytesIO()
    torch.onnx.export(
        network,
        (pixels,),
        content,
        dynamo=False,
        opset_version=17,
        input_names=["x"],
        dynamic_axes={"x": {2: "rows", 3: "columns"}},
    )
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(content.getvalue(), options, providers=["CPUExecutionProvider"])
    return lambda x: [torch.from_numpy(one) for one in session.run(None, {"x": x.numpy()})]


def openvino(network: nn.Module, pixels: Tensor, threads: int) -> Run:
    ov = importlib.import_module("openvino")

    model = ov.convert_model(network, example_input=pixels, input=[(1, pixels.shape[1], -1, -1)])
    executable = ov.Core().compile_model(
        model, "CPU", {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    )
    return lambda x: [torch.from_numpy(one) for one in executable(x.numpy()).values()]


def _listed(found: Tensor | tuple[Tensor, ...]) -> list[Tensor]:
    return [found] if isinstance(found, Tensor) else list(found)


if __name__ == "__main__":
    main()
