"""nst.training: exact resume after a kill, several processes, accumulation, and what happens when things go wrong."""

from __future__ import annotations

import contextlib
import json
import math
import os
import pickle
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from processes import torchrun
from safetensors.torch import load_file
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

import nst
from nst.adain import AdaINLoss
from nst.training import TrainingConfig, checkpoints, loop, samples, train
from nst.training.datasets import Batch, Crops, offline_files
from nst.training.perceptual import PerceptualConfig, PerceptualLoss
from nst.transformer_net import TransformerNet


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests compare bit by bit with a twin on the CPU; tests/support/test_devices.py trains on the accelerator."""
    monkeypatch.setenv("NST_DEVICE", "cpu")


class Noise:
    """Pictures that are a function of the step and the position: the smallest data set there is."""

    def __call__(self, step: int, positions: range) -> Batch:
        pictures = [torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(1000 * step + p)) for p in positions]
        return Batch(torch.stack(pictures), None, [f"noise {step} {p}" for p in positions])


def to_grey(net: nn.Module, encoder: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
    output = net(batch.content)
    return {"grey": (output - batch.content.mean(1, keepdim=True)).square().mean(), "small": 1e-3 * output.square().mean()}


def small(**changes) -> TrainingConfig:
    return TrainingConfig(**{"steps": 8, "batch_size": 2, "save_every": 3, "precision": "no", "warmup": 2, **changes})


def net() -> TransformerNet:
    torch.manual_seed(7)
    return TransformerNet(2)


def run(config: TrainingConfig, **others) -> tuple[list[dict[str, float]], TransformerNet]:
    model = net()
    return train(model, nn.Identity(), to_grey, Noise(), config, **others), model


def test_it_learns_and_tells():
    seen = []
    trace, model = run(small(steps=60, learning_rate=1e-2), callback=lambda step, parts, model: seen.append((step, parts)))
    assert [step for step, _ in seen] == list(range(1, 61)) and [parts for _, parts in seen] == trace
    assert list(trace[0]) == ["grey", "small"] and trace[-1]["grey"] < 0.5 * trace[0]["grey"]
    assert not model.training and type(model.forward(torch.rand(1, 3, 12, 12))) is torch.Tensor


def test_the_same_seed_gives_the_same_run():
    (first, a), (second, b) = run(small()), run(small())
    assert first == second and all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def test_learning_rate():
    config = small(steps=100, learning_rate=2.0, warmup=10, hold=0.6)
    assert config.learning_rate_at(0) == pytest.approx(0.2) and config.learning_rate_at(9) == pytest.approx(2.0)
    assert config.learning_rate_at(60) == pytest.approx(2.0)
    assert config.learning_rate_at(80) == pytest.approx(2.0 * (0.02 + 0.98 * 0.5))  # half way down half a cosine
    assert config.learning_rate_at(100) == pytest.approx(0.04)
    fall = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (0.7 - 0.6) / 0.4))
    assert config.learning_rate_at(70) == pytest.approx(2 * fall, rel=1e-14)  # in double precision
    assert all(small(learning_rate=2.0, warmup=warmup).learning_rate_at(0) == 2 for warmup in (0, 1))


def test_the_first_steps_are_adams():
    """Against torch's Adam driven by hand."""
    trace, model = run(small(steps=3, clip=1e9))
    other, data, config = net().to(memory_format=torch.channels_last), Noise(), small(steps=3)
    optimizer = torch.optim.Adam(other.parameters())
    for step in range(3):
        optimizer.param_groups[0]["lr"] = config.learning_rate_at(step)
        parts = to_grey(other, None, data(step, range(2)), step)
        optimizer.zero_grad()
        sum(parts.values()).backward()
        optimizer.step()
        assert trace[step]["grey"] == pytest.approx(float(parts["grey"].detach()), rel=1e-5)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_accumulating_is_a_larger_batch():
    twice, _ = run(small(steps=2, batch_size=2, accumulate=2))
    once, _ = run(small(steps=2, batch_size=4))
    assert [t["grey"] for t in twice] == pytest.approx([t["grey"] for t in once], rel=1e-5)


def test_half_precision_and_back():
    encoder = nst.VGG19.load("lite")
    before = encoder(torch.rand(1, 3, 32, 32), ["relu1_1"])["relu1_1"].dtype
    model = net()
    trace = train(model, encoder, to_grey, Noise(), small(precision="bf16"))
    assert model.forward.__func__ is TransformerNet.forward  # which computes in float32 again
    full, _ = run(small())  # another precision in the same process
    assert trace[0]["grey"] == pytest.approx(full[0]["grey"], rel=0.05) and trace[0] != full[0]
    assert encoder(torch.rand(1, 3, 32, 32), ["relu1_1"])["relu1_1"].dtype == before == torch.float32
    assert encoder.forward.__func__ is nst.VGG19.forward  # nothing is left wrapped around it


def to_features(net: nn.Module, encoder: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
    assert not encoder.training and not any(weight.requires_grad for weight in encoder.parameters())
    return {"features": encoder(net(batch.content), ["relu1_2"])["relu1_2"].square().mean()}


def test_a_second_run_has_the_precision_of_the_first(tmp_path: Path):
    """Accelerate marks what it has prepared, and passes over it the next time."""
    encoder, config = nst.VGG19.load("lite"), small(precision="bf16", steps=3)
    first, second = (train(net(), encoder, to_features, Noise(), config) for _ in range(2))
    assert first == second != train(net(), encoder, to_features, Noise(), small(steps=3))
    model = net()
    for k in range(2):  # the same model twice, from the same weights
        model.load_state_dict(net().state_dict())
        assert train(model, encoder, to_features, Noise(), config, tmp_path / f"run{k}") == first
    with pytest.raises(ValueError, match="another learning_rate"):
        train(net(), encoder, to_features, Noise(), small(precision="bf16", steps=3, learning_rate=0.5), tmp_path / "run0")
    assert encoder.forward.__func__ is nst.VGG19.forward  # also after a run that was refused


def test_float16_scales_its_gradients_and_resumes(tmp_path: Path):
    try:
        whole, _ = run(small(precision="fp16", steps=60, learning_rate=1e-2, save_every=25))
    except ValueError as error:  # older Accelerates have float16 on a GPU only, and say so
        pytest.skip(str(error))
    assert whole[-1]["grey"] < 0.7 * whole[0]["grey"]

    def stop(step, parts, model):
        if step == 40:
            raise KeyboardInterrupt

    config = small(precision="fp16", steps=60, learning_rate=1e-2, save_every=25)
    with pytest.raises(KeyboardInterrupt):
        run(config, folder=tmp_path, callback=stop)
    assert run(config, folder=tmp_path)[0] == whole  # the scale of the gradients is part of the checkpoint


def test_samples_are_pictures_of_the_steps(tmp_path: Path):
    pictures = [torch.rand(1, 3, 16, 20), torch.rand(1, 3, 16, 12)]
    trace, model = run(small(), callback=samples(tmp_path / "new" / "seen", pictures, every=4))
    assert [p.name for p in sorted((tmp_path / "new" / "seen").iterdir())] == ["sample_000004.png", "sample_000008.png"]
    shown = nst.load_image(tmp_path / "new" / "seen" / "sample_000008.png")
    torch.testing.assert_close(shown, torch.cat([model.stylize(p) for p in pictures], -1), atol=0.004, rtol=0)
    assert trace == run(small())[0]  # looking changes nothing
    often = samples(tmp_path / "often", pictures)
    for step in (125, 249, 250, 251):
        often(step, {}, model)
    assert [p.name for p in (tmp_path / "often").iterdir()] == ["sample_000250.png"]


def test_a_callback_may_leave_the_model_in_eval_mode():
    """Batch norm would freeze its statistics for the rest of the run."""

    def look(step, parts, model):
        model.eval()

    models = []
    for callback in (None, look):
        torch.manual_seed(7)
        models.append(TransformerNet(2, norm="batch"))
        train(models[-1], nn.Identity(), to_grey, Noise(), small(), callback=callback)
    assert all(torch.equal(a, b) for a, b in zip(*(m.state_dict().values() for m in models), strict=True))


def test_the_paper_variant_learns():
    torch.manual_seed(7)
    model = TransformerNet(2, norm="batch", upsampling="transposed")
    trace = train(model, nn.Identity(), to_grey, Noise(), small(steps=60, learning_rate=1e-2))
    assert trace[-1]["grey"] < 0.5 * trace[0]["grey"]


def test_the_callers_things_stay_as_they_are():
    """The encoder, the random numbers, and Accelerate's state, which belongs to the whole process."""
    encoder = nst.VGG19.load("lite").requires_grad_().train()
    mine, models = Accelerator(mixed_precision="bf16", cpu=True), [net(), net()]
    try:
        nst.seed(1)
        expected = torch.rand(3)
        nst.seed(1)
        train(models[0], encoder, to_features, Noise(), small(steps=2))
        train(models[1], nn.Identity(), to_grey, Noise(), small(steps=1))
        assert torch.equal(torch.rand(3), expected)
        assert encoder.training and all(p.requires_grad for p in encoder.parameters())
        assert mine.mixed_precision == "bf16" and mine.device.type == "cpu" and mine.num_processes == 1
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)


def test_the_device_is_the_one_that_was_asked_for(monkeypatch: pytest.MonkeyPatch):
    """NST_DEVICE=cuda:1 trains there, not on cuda:0; here "meta" stands for it, which every machine has."""
    monkeypatch.setenv("NST_DEVICE", "meta")
    monkeypatch.setattr(loop, "device", lambda: torch.device("meta"))
    with loop._accelerator(small(), None) as (accelerator, _):
        assert accelerator.device == torch.device("meta")
    assert "ACCELERATE_TORCH_DEVICE" not in os.environ
    monkeypatch.undo()
    assert len(run(small(steps=1))[0]) == 1  # and the next run is on the CPU again


def test_no_bfloat16_where_accelerate_has_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loop, "is_bf16_available", lambda: False)
    monkeypatch.setattr(loop.time, "perf_counter", lambda: pytest.fail("probed all the same"))
    assert loop._precision("auto") == "no" and loop._precision("bf16") == "bf16"


def test_which_pictures_a_step_asks_for():
    asked = []

    def data(step: int, positions: range) -> Batch:
        asked.append((step, positions))
        return Noise()(step, positions)

    train(net(), nn.Identity(), to_grey, data, small(steps=2, batch_size=2, accumulate=2))
    assert asked == [(0, range(2)), (0, range(2, 4)), (1, range(2)), (1, range(2, 4))]


# --- checkpoints ------------------------------------------------------------------------------------------------------------------


def test_a_run_goes_on_from_its_checkpoint(tmp_path: Path):
    whole, finished = run(small())

    class Enough(Exception):
        pass

    def stop(step, parts, model):
        if step == 5:
            raise Enough

    with pytest.raises(Enough):
        run(small(), folder=tmp_path, callback=stop)
    assert [p.name for p in tmp_path.iterdir()] == ["step_000003"]
    resumed, model = run(small(), folder=tmp_path)
    assert resumed == whole and all(torch.equal(a, b) for a, b in zip(model.parameters(), finished.parameters(), strict=True))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step_000006", "step_000008"]  # `keep` is two

    class Finished:  # nothing is left to do
        identity = "Noise"

        def __call__(self, step: int, positions: range) -> Batch:
            asked.append(step)
            return Noise()(step, positions)

    asked: list[int] = []
    assert train(net(), nn.Identity(), to_grey, Finished(), small(), tmp_path) == whole and asked == []


def test_a_run_that_is_asked_to_leave_saves_its_step_first(tmp_path: Path):
    def ask(step, parts, model):
        if step == 4:
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's "&" ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            run(small(), folder=tmp_path, callback=ask)
    finally:
        signal.signal(signal.SIGINT, before)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step_000003", "step_000005"]
    assert run(small(), folder=tmp_path)[0] == run(small())[0]


def test_without_a_folder_nothing_has_to_be_saved_and_it_leaves_at_once():
    seen = []

    def ask(step, parts, model):
        seen.append(step)
        if step == 4:
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(small(), callback=ask)
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [1, 2, 3, 4]


class Bar:
    """What tqdm has of it."""

    def __init__(self, total: int, name: str):
        self.total, self.name, self.n, self.shown, self.closed = total, name, 0, [], False

    def update(self, more: int) -> None:
        self.n += more

    def set_postfix(self, values: dict, refresh: bool) -> None:
        assert refresh is False  # `update` has drawn, as often as is wanted
        self.shown.append((self.n, values))

    def close(self) -> None:
        self.closed = True


def test_a_bar_shows_how_far_it_is_and_the_losses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    bars: list[Bar] = []
    monkeypatch.setattr(loop, "progress", lambda total, name: bars.append(Bar(total, name)) or bars[-1])

    def stop(step, parts, model):
        if step == 5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        run(small(), folder=tmp_path, callback=stop)
    trace, _ = run(small(), folder=tmp_path)  # from the third step
    assert [(bar.total, bar.name, bar.n, bar.closed) for bar in bars] == [(8, "training", 5, True), (8, "training", 8, True)]
    assert bars[1].shown == [(n, {k: f"{v:.3g}" for k, v in trace[n - 1].items()}) for n in range(4, 9)]


def restless(net: nn.Module, encoder: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
    """A loss that throws dice."""
    return {"grey": (net(batch.content + 0.1 * torch.randn_like(batch.content)) - torch.rand(1)).square().mean()}


def test_random_numbers_are_resumed_too(tmp_path: Path):
    def broken_off(step, parts, model):
        if step == 4:
            raise KeyboardInterrupt

    whole = train(net(), nn.Identity(), restless, Noise(), small())
    with pytest.raises(KeyboardInterrupt):
        train(net(), nn.Identity(), restless, Noise(), small(), tmp_path, broken_off)
    torch.rand(3)
    assert train(net(), nn.Identity(), restless, Noise(), small(), tmp_path) == whole


def test_a_checkpoint_holds_the_model_and_not_the_encoder(tmp_path: Path):
    train(net(), nst.VGG19.load("lite"), to_grey, Noise(), small(steps=3), tmp_path)
    names = {p.name for p in (tmp_path / "step_000003").iterdir()}
    assert {"model.safetensors", "optimizer.bin", "run.json"} <= names and "model_1.safetensors" not in names
    assert load_file(tmp_path / "step_000003" / "model.safetensors").keys() == net().state_dict().keys()


class Bomb:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("file", ["optimizer.bin", "random_states_0.pkl"])
def test_nothing_in_a_checkpoint_is_executed(tmp_path: Path, file: str):
    run(small(steps=3), folder=tmp_path / "run")
    (tmp_path / "run" / "step_000003" / file).write_bytes(pickle.dumps({"state": Bomb(tmp_path / "exploded")}))
    with contextlib.suppress(ValueError):
        run(small(steps=3), folder=tmp_path / "run")
    assert not (tmp_path / "exploded").exists()


def test_auto_is_decided_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A probe that comes out otherwise the second time must not change the numbers of a resumed run."""
    monkeypatch.setattr(loop, "_precision", lambda wanted: "bf16" if wanted == "auto" else wanted)
    first, _ = run(small(steps=3, precision="auto"), folder=tmp_path)
    assert json.loads((tmp_path / "step_000003" / "run.json").read_text())["config"]["precision"] == "bf16"
    monkeypatch.setattr(loop, "_precision", lambda wanted: "no" if wanted == "auto" else wanted)
    assert run(small(steps=3, precision="auto"), folder=tmp_path)[0] == first


def test_another_loss_is_another_run(tmp_path: Path):
    """Who changes the style weight and starts again must not be handed the finished run of before."""
    encoder, style = nst.VGG19.load("lite"), nst.assets.picture("cut_paper", 64)
    data, config = Crops(offline_files(), 32, read=40), small(steps=3)
    train(net(), encoder, PerceptualLoss(PerceptualConfig.default(), encoder, style), data, config, tmp_path)
    again = train(net(), encoder, PerceptualLoss(PerceptualConfig.default(), encoder, style), data, config, tmp_path)
    assert len(again) == 3
    for loss in (PerceptualLoss(PerceptualConfig.default(style_weight=2.0), encoder, style),
                 PerceptualLoss(PerceptualConfig.default(), encoder, style.flip(-1))):  # fmt: skip
        with pytest.raises(ValueError, match="step_000003: was trained with another (loss|style)"):
            train(net(), encoder, loss, data, config, tmp_path)


@pytest.mark.parametrize(
    ("loss", "data", "other"),
    [
        (AdaINLoss(0.01), Noise(), "loss"),  # the same kind, another weight
        (AdaINLoss(10, content_weights={"relu3_1": 1.0}), Noise(), "loss"),
        (to_grey, Noise(), "loss"),
        (AdaINLoss(10), Crops(offline_files(), 32, read=40), "data"),
    ],
)
def test_the_loss_and_the_data_make_the_run(tmp_path: Path, loss, data, other: str):
    """Asked both ways: also a loss that says nothing of itself is not the one of before."""
    encoder, style = nst.VGG19.load("lite"), Crops(offline_files(), 32, read=40, seed=1)

    class Both:  # the noise has no styles
        identity = getattr(data, "identity", "noise")

        def __call__(self, step, positions):
            batch = data(step, positions)
            size = batch.content.shape[-1]
            return Batch(torch.nn.functional.interpolate(batch.content, size=max(size, 32)), style(step, positions).content, [])

    class Noisy(Both):
        identity = "noise"

        def __call__(self, step, positions):
            return Batch(style(step, positions).content, style(step, positions).content, [])

    class Whatever(nn.Conv2d):
        def forward(self, x):
            return super().forward(torch.nn.functional.interpolate(x, size=32))

    torch.manual_seed(0)
    config, model = small(steps=2), Whatever(128, 3, 1)
    assert len(train(model, encoder, AdaINLoss(10), Noisy(), config, tmp_path)) == 2
    assert len(train(model, encoder, AdaINLoss(10), Noisy(), config, tmp_path)) == 2  # the same run goes on
    with pytest.raises(ValueError, match=f"step_000002: was trained with another {other}[;]"):
        train(model, encoder, loss, Both(), config, tmp_path)


def test_million_steps_are_seen(tmp_path: Path):
    for step in ("step_999750", "step_1000000", "writing_step_1000250"):
        (tmp_path / step).mkdir()
    assert checkpoints.latest(tmp_path).name == "step_1000000"
    assert [path.name for path in checkpoints.steps_in(tmp_path)] == ["step_999750", "step_1000000"]


def test_half_a_checkpoint_is_never_used(tmp_path: Path):
    run(small(steps=3), folder=tmp_path)
    (tmp_path / "step_000003").rename(tmp_path / "writing_step_000003")  # as a kill in the middle of writing leaves it
    trace, _ = run(small(steps=3), folder=tmp_path)
    assert len(trace) == 3 and (tmp_path / "step_000003").is_dir()


def test_checkpoints_of_another_run_are_refused(tmp_path: Path):
    run(small(steps=3), folder=tmp_path)
    with pytest.raises(ValueError, match="step_000003: was trained with another learning_rate, seed"):
        run(small(steps=3, learning_rate=0.5, seed=1), folder=tmp_path)
    run(small(steps=3, save_every=1, keep=5), folder=tmp_path)  # these change nothing that is learned
    with pytest.raises(ValueError, match="step_000003: is not a checkpoint of this model"):
        train(TransformerNet(3), nn.Identity(), to_grey, Noise(), small(steps=3), tmp_path)


def test_another_encoder_is_another_run(tmp_path: Path):
    lite = nst.VGG19.load("lite")
    train(net(), lite, to_grey, Noise(), small(steps=3), tmp_path)
    with pytest.raises(ValueError, match="step_000003: was trained with another encoder"):
        train(net(), nst.VGG19(), to_grey, Noise(), small(steps=3), tmp_path)


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.bin", "run.json"])
def test_a_broken_checkpoint_is_named(tmp_path: Path, file: str):
    run(small(steps=3), folder=tmp_path)
    broken = tmp_path / "step_000003" / file
    broken.write_bytes(broken.read_bytes()[:40])
    with pytest.raises(ValueError, match="step_000003: is not a checkpoint of this model"):
        run(small(steps=3), folder=tmp_path)


# --- trouble ----------------------------------------------------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path):
    def breaks(net, encoder, batch, step):
        return {"grey": net(batch.content).mean() * (float("nan") if step == 4 else 1.0)}

    with pytest.raises(FloatingPointError, match=r"step 5: .*\(grey nan\); its pictures: noise 4 0, noise 4 1; .*step_000003"):
        train(net(), nn.Identity(), breaks, Noise(), small(), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["step_000003"]


def test_without_a_folder_there_is_no_good_checkpoint():
    def breaks(net, encoder, batch, step):
        return {"grey": net(batch.content).mean() * float("nan")}

    with pytest.raises(FloatingPointError, match="^step 1: .*; the last good checkpoint: none$"):
        train(net(), nn.Identity(), breaks, Noise(), small())


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_pictures_that_are_not_finite_stop_the_run(tmp_path: Path, number: float):
    """Also where the loss does not notice."""

    class Broken(Noise):
        def __call__(self, step: int, positions: range) -> Batch:
            batch = super().__call__(step, positions)
            batch.content[-1, 0, 3, 4] = number if step == 4 else 0
            return batch

    def blind(net, encoder, batch, step):
        return to_grey(net, encoder, batch._replace(content=batch.content.nan_to_num(posinf=0)), step)

    with pytest.raises(FloatingPointError, match="^step 5: its pictures are not finite; its pictures: noise 4 0, .*step_000003$"):
        train(net(), nn.Identity(), blind, Broken(), small(), tmp_path)


def test_weights_that_are_not_finite_stop_the_run(tmp_path: Path):
    """Spoilt between two steps, they are noticed in the next one, and never saved."""

    def spoil(step, parts, model):
        if step == 4:
            next(model.parameters()).data[0, 0, 0, 0] = float("inf")

    said = r"^step 5: the weights are not finite \(model\.0\.block\.1\.weight\); .*step_000003$"
    with pytest.raises(FloatingPointError, match=said):
        run(small(), folder=tmp_path, callback=spoil)
    assert len(run(small(), folder=tmp_path)[0]) == 8  # from the last good checkpoint


@pytest.mark.parametrize(("spoilt", "said"), [("abc", "a, b, c"), ("abcd", "a, b, c, …")])
def test_three_of_the_weights_that_are_not_finite_are_named(spoilt: str, said: str):
    model = nn.ParameterDict({name: torch.tensor(math.inf if name in spoilt else 1.0) for name in "abcde"})
    found = loop._not_finite({}, [Batch(torch.zeros(1), None, ["f"])], model)
    assert found == f"the weights are not finite ({said}); its pictures: f"


def test_all_losses_are_named_where_one_is_not_finite():
    said = loop._not_finite({"content": 1.25, "style": math.nan}, [Batch(torch.zeros(1), None, ["f", "g"])], nn.Linear(1, 1))
    assert said == "the loss is not finite (content 1.25, style nan); its pictures: f, g"


def test_a_loss_is_known_by_its_name(tmp_path: Path):
    """A function says nothing else of itself; an object without a name is known by its class."""

    class Greyer:
        def __call__(self, *given):
            return to_grey(*given)

    def train_with(loss) -> str:
        train(net(), nn.Identity(), loss, Noise(), small(steps=1), tmp_path)
        return json.loads((tmp_path / "step_000001" / "run.json").read_text())["config"]["loss"]

    assert train_with(to_grey) == "to_grey"
    with pytest.raises(ValueError, match="step_000001: was trained with another loss"):
        train_with(Greyer())
    (tmp_path / "step_000001").rename(tmp_path / "aside")
    assert train_with(Greyer()).endswith("Greyer")


def test_a_gradient_that_is_not_finite_changes_nothing():
    """A flat crop through a chain of norm layers can do it, with a loss that looks innocent."""

    class Steep(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            return gradient * float("inf")

    def steep(net, encoder, batch, step):
        parts = to_grey(net, encoder, batch, step)
        return {k: Steep.apply(v) for k, v in parts.items()} if step == 1 else parts

    before = []
    model = net()
    train(model, nn.Identity(), steep, Noise(), small(steps=2),
          callback=lambda step, parts, model: before.append([p.detach().clone() for p in model.parameters()]))  # fmt: skip
    assert all(torch.equal(a, b) for a, b in zip(*before, strict=True))


@pytest.mark.parametrize(("room", "said"), [(4, "4 would fit"), (2, "2 would fit"), (1, "1 would fit"),
                                            (0, "nothing smaller fits, either")])  # fmt: skip
def test_fewer_pictures_are_tried_one_by_one_where_a_batch_does_not_fit(room: int, said: str):
    """Each with its own styles, in the step that failed, with the network and the encoder that are trained."""
    tried, model, encoder = [], net(), nst.VGG19.load("lite")

    def styled(step: int, positions: range) -> Batch:
        batch = Noise()(step, positions)
        return batch._replace(style=2 * batch.content)

    def hungry(net, encoder, batch, step):
        if step == 1:
            tried.append(len(batch.content))
            assert torch.equal(batch.style, 2 * batch.content) and encoder(batch.content, ["relu1_1"])["relu1_1"].shape[1] == 64
            if len(batch.content) > room:
                raise torch.OutOfMemoryError("CUDA out of memory.")
        return to_grey(net, encoder, batch, step)

    with pytest.raises(MemoryError, match=f"^step 2: batch_size=5 needs more memory than there is; {said}$"):
        train(model, encoder, hungry, styled, small(batch_size=5))
    assert tried == list(range(5, max(room, 1) - 1, -1))


@pytest.mark.parametrize(("changes", "said"), [({"steps": 0}, "steps=0"), ({"batch_size": 1.5}, "batch_size=1.5"),
                                               ({"precision": "fp8"}, "precision='fp8'"), ({"learning_rate": 0}, "learning_rate=0"),
                                               ({"clip": float("nan")}, "clip=nan"), ({"hold": 1.5}, "hold=1.5"),
                                               ({"warmup": -1}, "warmup=-1")])  # fmt: skip
def test_bad_configurations(changes: dict, said: str):
    with pytest.raises(ValueError, match=said):
        small(**changes)


# --- one run in a folder, and what it is of ---------------------------------------------------------------------------------------


def test_a_second_run_in_the_same_folder_is_told(tmp_path: Path):
    """The same command, started twice by mistake: the first one goes on unharmed, and leaves nothing behind."""
    said = []

    def meanwhile(step, parts, model):
        if step in (2, 4):
            with pytest.raises(ValueError, match="run: another run is training in it") as raised:
                run(small(), folder=tmp_path / "run")
            said.append(raised)

    trace, _ = run(small(), folder=tmp_path / "run", callback=meanwhile)
    assert len(said) == 2 and trace == run(small())[0]
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["step_000006", "step_000008"]
    assert len(run(small(), folder=tmp_path / "run")[0]) == 8  # and afterwards it is free


def test_two_processes_in_one_folder_do_not_destroy_each_others_checkpoints(tmp_path: Path):
    text = f"""
        import sys, time
        sys.path.insert(0, {str(Path(__file__).parents[1])!r})
        from training.test_loop import *
        os.environ["NST_DEVICE"] = "cpu"
        def slow(step, parts, model): print(step, flush=True) or time.sleep(0.05)
        run(small(steps=100, save_every=1), folder={str(tmp_path / "run")!r}, callback=slow)
    """
    command = [sys.executable, "-c", textwrap.dedent(text)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline()  # it trains
        with pytest.raises(ValueError, match="another run is training in it"):
            run(small(steps=100, save_every=1), folder=tmp_path / "run")
        _, errors = first.communicate(timeout=120)
    assert first.returncode == 0, errors
    assert checkpoints.latest(tmp_path / "run").name == "step_000100"


def test_a_run_that_was_killed_leaves_no_lock(tmp_path: Path):
    run(small(steps=3), folder=tmp_path)
    (tmp_path / ".lock").touch()  # the file stays behind, its lock does not
    assert len(run(small(steps=3), folder=tmp_path)[0]) == 3


def test_without_locks_it_trains_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def none(self, **options):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(checkpoints.FileLock, "acquire", none)
    assert len(run(small(steps=3), folder=tmp_path / "run")[0]) == 3


def test_a_run_that_comes_to_nothing_leaves_no_folder(tmp_path: Path):
    def breaks(net, encoder, batch, step):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        train(net(), nn.Identity(), breaks, Noise(), small(), tmp_path / "new")
    (tmp_path / "old").mkdir()
    with pytest.raises(ValueError, match="no"):
        train(net(), nn.Identity(), breaks, Noise(), small(), tmp_path / "old")
    assert [p.name for p in tmp_path.iterdir()] == ["old"]


def test_the_old_styles_strength_goes():
    model = nst.load_style("night_orchard").cpu().requires_grad_()
    assert model.weak
    train(model, nn.Identity(), to_grey, Noise(), small(steps=1))
    assert model.weak == {}
    with pytest.raises(ValueError, match="its full strength"):
        model.stylize(torch.rand(1, 3, 24, 24), strength=0.5)


def test_a_refused_run_leaves_the_strength(tmp_path: Path):
    run(small(steps=3), folder=tmp_path)
    model = nst.load_style("night_orchard").cpu().requires_grad_()
    with pytest.raises(ValueError):
        train(model, nn.Identity(), to_grey, Noise(), small(steps=3), tmp_path)
    assert model.weak


def test_frozen_networks_are_named():
    with pytest.raises(ValueError, match=r"^model: none of its weights requires a gradient.*model.requires_grad_\(\)"):
        train(nst.load_style("night_orchard"), nn.Identity(), to_grey, Noise(), small(steps=1))


def test_a_decoder_is_watched_and_has_no_samples_for_a_folder(tmp_path: Path):
    pytest.importorskip("ipywidgets")
    decoder, encoder = nst.decoders.Decoder("relu1_1"), nst.VGG19.load("lite")

    def back(net, encoder, batch, step):
        return {"grey": (net(encoder(batch.content, ["relu1_1"])["relu1_1"]) - batch.content).square().mean()}

    watch = nst.widgets.monitor(3, samples=[torch.rand(1, 3, 16, 16)], every=0.0)
    assert len(train(decoder, encoder, back, Noise(), small(steps=3), callback=watch)) == 3
    with pytest.raises(TypeError, match=r"model: a Decoder has no stylize\(picture\)"):
        train(decoder.requires_grad_(), encoder, back, Noise(), small(steps=3), callback=samples(tmp_path, []))


def test_watching_leaves_each_part_in_its_mode():
    pytest.importorskip("ipywidgets")
    model = TransformerNet(2, norm="batch").train()
    model.model[0].norm.eval()
    watch = nst.widgets.monitor(3, samples=[torch.rand(1, 3, 16, 16)], every=0.0)
    watch(1, {"grey": 1.0}, model)
    assert watch.painted and not model.model[0].norm.training and model.model[1].norm.training


def test_a_steep_gradient_is_scaled_down():
    """After a step of plain descent the weights have moved by the learning rate times the clipped norm, whatever the loss."""
    moves = []
    for scale in (1e3, 1e6):
        model = net()
        before = torch.cat([p.detach().flatten().clone() for p in model.parameters()])
        seen = []

        def steep(net, encoder, batch, step, scale=scale):
            return {k: scale * v for k, v in to_grey(net, encoder, batch, step).items()}

        def look(optimizer, args, kwargs, seen=seen):
            gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
            seen.append(float(torch.cat([g.flatten() for g in gradients]).norm()))

        handle = register_optimizer_step_pre_hook(look)
        try:
            train(model, nn.Identity(), steep, Noise(), small(steps=1, clip=0.25))
        finally:
            handle.remove()
        moves.append(seen)
        assert not torch.equal(before, torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert [len(seen) for seen in moves] == [1, 1] and all(seen[0] == pytest.approx(0.25, rel=1e-3) for seen in moves)


class Share:
    """What a run asks of its processes, as process `rank` of `count`."""

    def __init__(self, rank: int, count: int):
        self.process_index, self.num_processes = rank, count


def test_processes_share_a_steps_pictures_without_overlap():
    asked = []

    def data(step: int, positions: range) -> Batch:
        asked.extend((step, p) for p in positions)
        return Noise()(step, positions)

    for rank in range(3):
        list(loop._ahead(data, small(steps=2, batch_size=2, accumulate=2), Share(rank, 3), 0))
    assert sorted(asked) == [(step, p) for step in range(2) for p in range(12)]


@pytest.mark.parametrize(("half", "chosen"), [(0.7, "bf16"), (0.9, "no"), (1.3, "no")])
def test_bfloat16_where_it_is_well_faster_only(monkeypatch: pytest.MonkeyPatch, half: float, chosen: str):
    """A tenth is within what a busy machine measures."""
    clock, dtypes = [0.0], []
    plain = nn.Conv2d.forward

    def forward(self, x):
        clock[0] += half if x.dtype == torch.bfloat16 else 1.0
        dtypes.append(x.dtype)
        return plain(self, x)

    monkeypatch.setattr(nn.Conv2d, "forward", forward)
    monkeypatch.setattr(loop, "is_bf16_available", lambda: True)
    monkeypatch.setattr(loop.time, "perf_counter", lambda: clock[0])
    assert loop._precision("auto") == chosen and set(dtypes) == {torch.float32, torch.bfloat16}


def test_a_device_that_cannot_compute_in_bfloat16_keeps_float32(monkeypatch: pytest.MonkeyPatch):
    plain = nn.Conv2d.forward

    def forward(self, x):
        if x.dtype == torch.bfloat16:
            raise RuntimeError("not implemented for 'BFloat16'")
        return plain(self, x)

    monkeypatch.setattr(nn.Conv2d, "forward", forward)
    monkeypatch.setattr(loop, "is_bf16_available", lambda: True)
    assert loop._precision("auto") == "no"


def test_a_checkpoint_with_more_in_its_identity_is_another_run(tmp_path: Path):
    """What the old run had and the new one lacks makes a difference, too."""
    run(small(steps=3), folder=tmp_path)
    file = tmp_path / "step_000003" / "run.json"
    written = json.loads(file.read_text())
    written["config"]["mirror"] = True
    file.write_text(json.dumps(written))
    with pytest.raises(ValueError, match="step_000003: was trained with another mirror"):
        run(small(steps=3), folder=tmp_path)


# --- several processes: tests/training/several.py is what they do -----------------------------------------------------------------


@pytest.fixture(scope="module", params=[(1, 2), (2, 1)], ids=["two processes", "two machines"])
def several(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """What each of two processes saw, on one machine or on two."""
    machines, each = request.param
    folder = tmp_path_factory.mktemp("several")
    torchrun([Path(__file__).with_name("several.py"), folder], machines, each)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.slow
def test_processes_throw_dice_of_their_own(several: list[dict]):
    assert len({number for seen in several for number in seen["dice"]}) == 4


@pytest.mark.slow
def test_two_processes_are_one_with_twice_the_batch(several: list[dict]):
    from training.several import one_step

    one, two = one_step(4), several[0]["step"]
    assert len(one["gradients"]) == len(list(net().parameters()))
    for name, alone in one["gradients"].items():
        if name.endswith("block.1.bias") and not name.startswith("model.10"):
            continue  # a norm layer follows and takes every constant out: its gradient is zero but for rounding
        assert (two["gradients"][name] - alone).norm() <= 1e-5 * alone.norm(), name
    assert all(torch.equal(a, several[1]["step"]["weights"][k]) for k, a in two["weights"].items())
    assert two["trace"][0]["grey"] == pytest.approx(one["trace"][0]["grey"], rel=1e-5)


@pytest.mark.slow
def test_two_processes_share_the_scale_of_the_content_loss(several: list[dict]):
    """It is the variance over all pictures of the step: 2 x 2 pictures of four contrasts are learned from as 1 x 4 are."""
    from training.several import shared_scale

    one, two = shared_scale(4), several[0]["scale"]
    assert two["trace"][0] == pytest.approx(one["trace"][0], rel=1e-4) and len(two["seen"]) == 1
    whole, halves = (torch.cat([g.flatten() for g in found["gradients"].values()]) for found in (one, two))
    assert (halves - whole).norm() < 1e-3 * whole.norm()


@pytest.mark.slow
def test_several_machines_share_a_folder(several: list[dict]):
    """Both go on from its last checkpoint; with a folder each, one would go on and one begin, so they say no at once."""
    whole, *others = (trace for seen in several for trace in seen["resumed"])
    assert len(whole) == 8 and all(trace == whole for trace in others) and len(others) == 3
    assert all("not one folder that every process sees" in seen["apart"] for seen in several)


def test_run_json_says_what_the_run_was(tmp_path: Path):
    trace, _ = run(small(steps=3), folder=tmp_path)
    run_file = json.loads((tmp_path / "step_000003" / "run.json").read_text())
    assert run_file["trace"] == trace and run_file["config"]["learning_rate"] == 1e-3
    assert run_file["config"]["processes"] == 1 and run_file["config"]["encoder"] == ""
