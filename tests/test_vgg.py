"""The encoder against torchvision's vgg19 with the same weights, and its loaders on good and bad files."""

import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

import nst
from nst import vgg
from nst.support import weights
from nst.vgg import CONVOLUTIONS, FEATURES_INDEX, IMAGENET_MEAN, IMAGENET_STD, VGG19, layer_names, minimum_size


@pytest.fixture(scope="module")
def torchvision_vgg():
    """torchvision's own network with random weights of sensible size (its classifier, 120 million numbers, left out)."""
    torch.manual_seed(0)
    network = nn.Module()
    network.features = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["E"])
    for m in network.features:
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight), nn.init.uniform_(m.bias, -0.1, 0.1)
    return network.requires_grad_(False)


@pytest.fixture(scope="module")
def checkpoint(torchvision_vgg, tmp_path_factory):
    """A file of the real checkpoint's keys and shapes."""
    path = tmp_path_factory.mktemp("weights") / "vgg19-dcbb9e9d.pth"
    torch.save({**torchvision_vgg.state_dict(), "classifier.6.bias": torch.zeros(1000)}, path)
    return path


@pytest.fixture(scope="module")
def full(checkpoint):
    return VGG19.load(checkpoint)


@pytest.fixture(scope="module")
def lite():
    return VGG19.load("lite")


def test_every_layer_equals_torchvisions(torchvision_vgg, full):
    pictures = torch.rand(2, 3, 48, 35)
    ours = full(pictures, layer_names())
    x = (pictures - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)) / torch.tensor(IMAGENET_STD).view(3, 1, 1)
    seen = 0
    for i, layer in enumerate(torchvision_vgg.features[:30]):
        x = layer(x).clone()
        if i in FEATURES_INDEX or i - 1 in FEATURES_INDEX:
            block = CONVOLUTIONS[FEATURES_INDEX.index(i if i in FEATURES_INDEX else i - 1)][4:]
            name = ("conv" if i in FEATURES_INDEX else "relu") + block
            assert torch.allclose(ours[name], F.relu(x) if name.startswith("relu") else x, rtol=1e-4, atol=1e-4), name
            seen += 1
    assert seen == 26 and list(ours) == layer_names()


def test_the_shape_of_every_layer(full, lite):
    widths = {"1": (64, 64), "2": (128, 128), "3": (256, 256), "4": (512, 128), "5": (512, 128)}
    for encoder, which in ((full, 0), (lite, 1)):
        for name, features in encoder(torch.rand(1, 3, 50, 70), layer_names()).items():
            side = 2 ** (int(name[4]) - 1)
            assert features.shape == (1, widths[name[4]][which], 50 // side, 70 // side)


def test_it_runs_no_deeper_than_asked_for(lite):
    calls = []
    handles = [lite.get_submodule(n).register_forward_hook(lambda m, i, o, n=n: calls.append(n)) for n in CONVOLUTIONS]
    lite(torch.rand(1, 3, 32, 32), ["relu2_2", "conv1_1"])
    assert calls == list(CONVOLUTIONS[:4])
    for handle in handles:
        handle.remove()


def test_a_batch_equals_its_singles_and_the_order_is_as_asked(lite):
    pictures = torch.rand(3, 3, 40, 40)
    together = lite(pictures, ["relu5_1", "conv1_2"])
    assert list(together) == ["relu5_1", "conv1_2"]
    for i in range(3):
        alone = lite(pictures[i : i + 1], ["relu5_1", "conv1_2"])
        assert all(torch.allclose(together[k][i : i + 1], alone[k], atol=1e-4) for k in alone)


def test_the_sequential_form_gives_the_same_features(full):
    pictures = torch.rand(1, 3, 32, 40)
    for encoder in (full, VGG19.load("lite"), VGG19.load("lite", padding="zeros", pooling="average")):
        x, i = (pictures - encoder.mean) / encoder.std, -1
        expected = encoder(pictures, layer_names())
        for layer in encoder.sequential():
            x = layer(x)
            if isinstance(layer, nn.Conv2d):
                i += 1
                torch.testing.assert_close(x, expected[CONVOLUTIONS[i]], rtol=1e-3, atol=1e-4)
            if isinstance(layer, nn.ReLU):
                torch.testing.assert_close(x, expected["relu" + CONVOLUTIONS[i][4:]], rtol=1e-3, atol=1e-4)
        assert i == 12


def test_a_convolution_of_low_rank_is_one_convolution_of_that_rank():
    torch.manual_seed(0)
    pair = vgg.LowRankConv2d(5, 12, 3, "reflect")
    whole, x = pair.product(), torch.rand(2, 5, 9, 7)
    torch.testing.assert_close(whole(x), pair(x))
    assert torch.linalg.matrix_rank(whole.weight.detach().flatten(1)) == 3 < min(5 * 9, 12)
    by_hand = np.einsum("or,rikl->oikl", pair[1].weight.detach().numpy()[:, :, 0, 0], pair[0].weight.detach().numpy())
    np.testing.assert_allclose(whole.weight.detach().numpy(), by_hand, atol=1e-6)


def test_the_digest_is_of_what_the_network_computes(tmp_path, lite):
    lite.save(tmp_path / "more_facts.safetensors", {"another": "fact"}, torch.float16)
    assert VGG19.load(tmp_path / "more_facts.safetensors").sha256 == lite.sha256
    assert VGG19.load("lite", padding="zeros").sha256 != lite.sha256 != VGG19.load("lite", pooling="average").sha256
    rescaled = VGG19.load("lite")
    vgg.rescale_activations(rescaled, {"relu1_1": torch.full((64,), 2.0)})
    assert rescaled.sha256 != lite.sha256


def test_padding_and_pooling_switch():
    picture = torch.rand(1, 3, 32, 32)
    seen = {p: VGG19.load("lite", padding=p)(picture, ["conv1_1"])["conv1_1"] for p in vgg.PADDINGS}
    assert torch.allclose(seen["zeros"][..., 1:-1, 1:-1], seen["reflect"][..., 1:-1, 1:-1], atol=1e-5)
    assert not torch.allclose(seen["zeros"], seen["reflect"]) and not torch.allclose(seen["replicate"], seen["reflect"])
    encoder = VGG19.load("lite", pooling="average")
    found = encoder(picture, ["relu1_2", "conv2_1"])
    assert torch.allclose(encoder.conv2_1(F.avg_pool2d(found["relu1_2"], 2)), found["conv2_1"])


def test_gradients_reach_the_picture_and_not_the_weights(lite):
    picture = torch.rand(1, 3, 32, 32, requires_grad=True)
    lite(picture, ["relu5_1"])["relu5_1"].sum().backward()
    assert picture.grad.abs().sum() > 0 and all(p.grad is None and not p.requires_grad for p in lite.parameters())


def test_a_forward_pass_leaves_the_picture_as_it_was(lite):
    picture = torch.rand(1, 3, 32, 32)
    before = picture.clone()
    lite(picture, ["relu1_1"])
    assert torch.equal(picture, before)


def test_the_shipped_encoder_is_small_and_has_mean_activation_one(lite):
    assert vgg.lite_file().stat().st_size <= 4e6
    assert lite.padding == "reflect" and lite.ranks == vgg.LITE_RANKS and sum(p.numel() for p in lite.parameters()) < 2e6
    photos = torch.cat([nst.assets.picture(name, 256)[..., :256, :256] for name in ("astronaut", "chelsea", "coffee", "rocket")])
    for name, features in lite(photos, [n for n in layer_names() if n.startswith("relu")]).items():
        assert 0.5 < float(features.mean()) < 2, name  # 1 on the training photographs


def test_saved_and_loaded_is_the_same(tmp_path, lite):
    lite.save(tmp_path / "a.safetensors", {"seed": 3})
    again = VGG19.load(tmp_path / "a.safetensors")
    assert again.metadata["seed"] == 3 and again.padding == "reflect"
    assert all(torch.equal(a, b) for a, b in zip(lite.parameters(), again.parameters(), strict=True))


def test_the_real_checkpoint_is_reduced_once_and_its_digest_kept(tmp_path, monkeypatch, checkpoint, torchvision_vgg):
    digest = weights.sha256(checkpoint)
    monkeypatch.setenv("NST_CACHE", str(tmp_path))
    monkeypatch.setattr(vgg, "IMAGENET_SHA256", digest)
    calls = []

    def download(self, url, file, pooch):
        calls.append(url)
        Path(file).write_bytes(checkpoint.read_bytes())

    monkeypatch.setattr("pooch.HTTPDownloader.__call__", download)
    first, second = VGG19.load("imagenet"), VGG19.load("imagenet")
    assert calls == [vgg.IMAGENET_URL]
    assert [p.name for p in (tmp_path / "weights").iterdir() if p.suffix != ".lock"] == ["vgg19_imagenet.safetensors"]
    assert second.metadata["source_sha256"] == digest and second.padding == "zeros"
    assert torch.equal(first.conv5_1.weight, torchvision_vgg.features[28].weight)


def test_two_processes_reduce_the_checkpoint_once(tmp_path, monkeypatch, checkpoint):
    """Threads stand for processes: the lock is on a file, and knows no difference."""
    monkeypatch.setenv("NST_CACHE", str(tmp_path))
    monkeypatch.setattr(vgg, "IMAGENET_SHA256", weights.sha256(checkpoint))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "vgg19-dcbb9e9d.pth").write_bytes(checkpoint.read_bytes())
    with ThreadPoolExecutor(4) as pool:
        files = {future.result() for future in [pool.submit(vgg.imagenet_file) for _ in range(4)]}
    assert files == {tmp_path / "weights" / "vgg19_imagenet.safetensors"} and not list(tmp_path.rglob("*.pth"))


def test_a_checkpoint_is_checked_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("NST_CACHE", str(tmp_path))
    monkeypatch.setattr(weights, "read_pth", lambda path: pytest.fail("read before it was checked"))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "vgg19-dcbb9e9d.pth").write_bytes(b"something else")
    with pytest.raises(ValueError, match="is not dcbb9e9d"):
        VGG19.load("imagenet")


def test_a_mistyped_encoder_is_told_the_known_ones(tmp_path, checkpoint, full):
    with pytest.raises(ValueError, match="unknown encoder 'imagnet': did you mean 'imagenet'"):
        VGG19.load("imagnet")
    (tmp_path / "vgg.pt").write_bytes(checkpoint.read_bytes())  # the other suffix of torch's checkpoints
    assert VGG19.load(tmp_path / "vgg.pt").sha256 == full.sha256


def test_only_what_is_asked_for_is_kept(lite):
    """At conv5_1, with only relu5_1 wanted, the maps of the layers below are gone."""
    alive, maps = [], []

    def look(module, inputs, output):
        maps.append(weakref.ref(output))
        alive.append(sum(ref() is not None for ref in maps))

    handles = [lite.get_submodule(n).register_forward_hook(look) for n in CONVOLUTIONS]
    with torch.no_grad():
        lite(torch.rand(1, 3, 32, 32), ["relu5_1"])
    for handle in handles:
        handle.remove()
    assert max(alive) <= 2  # the one just made, and the one before it


def test_a_map_is_the_same_whatever_else_is_asked_for(lite):
    """Before the ReLU and after it, together and each by itself: no ReLU overwrites a map that was wanted."""
    picture = torch.rand(1, 3, 48, 40)
    names = [kind + name[4:] for name in CONVOLUTIONS for kind in ("conv", "relu")]
    together = lite(picture, names)
    for before, after in zip(names[::2], names[1::2], strict=True):
        assert together[before].min() < 0 and torch.equal(together[before].relu(), together[after])
        for name in (before, after):
            assert torch.equal(lite(picture, [name])[name], together[name])


def test_a_checkpoint_of_another_digest_is_refused(tmp_path, monkeypatch, checkpoint):
    monkeypatch.setenv("NST_CACHE", str(tmp_path))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "vgg19-dcbb9e9d.pth").write_bytes(checkpoint.read_bytes())
    with pytest.raises(ValueError, match="is not dcbb9e9d"):
        VGG19.load("imagenet")


def test_without_a_network_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("NST_CACHE", str(tmp_path))

    def refuse(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr("requests.get", refuse)
    with pytest.raises(ConnectionError, match=r"vgg19-dcbb9e9d\.pth.*VGG19\.load\(\"lite\"\)"):
        VGG19.load("imagenet")


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('a weights file ran code')",))


def test_bad_weight_files_are_named(tmp_path, lite):
    lite.save(tmp_path / "whole.safetensors")
    content = (tmp_path / "whole.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.safetensors").write_text("no weights here")
    (tmp_path / "empty.pth").write_bytes(b"")
    weights.write(tmp_path / "other.safetensors", "transformer_net", {"a": torch.zeros(1)}, {})
    weights.write(tmp_path / "lacking.safetensors", "vgg19", {"conv1_1.weight": torch.zeros(16, 3, 3, 3)}, {})
    odd = {k: v.clone() for k, v in lite.state_dict().items()}
    odd["conv3_1.weight"] = torch.zeros(64, 5, 3, 3)
    weights.write(tmp_path / "odd.safetensors", "vgg19", odd, {})
    torch.save({"weights": Bomb()}, tmp_path / "bomb.pth")
    torch.save({"layer.weight": torch.zeros(1)}, tmp_path / "net.pth")
    for name in (
        "cut.safetensors",
        "text.safetensors",
        "empty.pth",
        "other.safetensors",
        "lacking.safetensors",
        "odd.safetensors",
        "bomb.pth",
        "net.pth",
    ):
        with pytest.raises(ValueError, match=name):
            VGG19.load(tmp_path / name)
    for name in ("missing.safetensors", "missing.pth"):
        with pytest.raises(FileNotFoundError, match=name):
            VGG19.load(tmp_path / name)


def test_wrong_arguments_are_named(lite):
    picture = torch.rand(1, 3, 64, 64)
    for layers, words in (
        (["relu6_1"], "unknown layer 'relu6_1'"),
        ([], "layers is empty"),
        (["conv_4"], "unknown layer 'conv_4'"),
    ):
        with pytest.raises(ValueError, match=words):
            lite(picture, layers)
    for wrong, error in ((torch.rand(3, 64, 64), ValueError), (torch.rand(1, 1, 64, 64), ValueError),
                         (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), TypeError), ("a.jpg", TypeError)):  # fmt: skip
        with pytest.raises(error, match="pictures: expected"):
            lite(wrong, ["relu1_1"])
    with pytest.raises(ValueError, match="padding='mirror'"):
        VGG19(padding="mirror")
    with pytest.raises(ValueError, match="pooling='min'"):
        VGG19(pooling="min")


@pytest.mark.parametrize("padding", vgg.PADDINGS)
@pytest.mark.parametrize("layer", ["relu1_1", "conv2_1", "relu4_2", "relu5_1"])
def test_the_smallest_picture_for_each_layer(padding, layer):
    encoder = VGG19((2, 2, 2, 2, 2), padding)
    smallest = minimum_size(layer, padding)
    assert encoder(torch.rand(1, 3, smallest, smallest + 3), [layer])[layer].isfinite().all()
    if smallest > 1:
        with pytest.raises(ValueError, match=f"too small for {layer}: it needs at least {smallest} px"):
            encoder(torch.rand(1, 3, smallest - 1, 200), [layer])


DEEP = ["relu4_1", "relu4_2", "relu4_3", "relu4_4", "relu5_1"]


@pytest.mark.parametrize("left_out", [[], DEEP, ["relu1_2", "relu2_2", "relu5_1"]])
def test_rescaled_activations_have_mean_one_and_say_the_same(left_out):
    ranks = {"conv2_1": 3, "conv4_2": 4}
    encoder, plain = VGG19((4, 5, 6, 7, 8), "reflect", ranks=ranks), VGG19((4, 5, 6, 7, 8), "reflect", ranks=ranks)
    plain.load_state_dict(encoder.state_dict())
    names = [name for name in ("relu" + conv[4:] for conv in CONVOLUTIONS) if name not in left_out]
    pictures = [torch.rand(1, 3, 48, 40), torch.rand(2, 3, 32, 32)]
    means = vgg.mean_activations(plain, pictures, names)
    by_hand = sum(plain(p, ["relu3_1"])["relu3_1"].mean((2, 3)).sum(0) for p in pictures) / 3
    assert torch.allclose(means["relu3_1"], by_hand, atol=1e-6)
    vgg.rescale_activations(encoder, means)
    picture = torch.rand(1, 3, 32, 32)
    before, after = plain(picture, layer_names()), encoder(picture, layer_names())
    for name in names:
        scale = means[name].clamp_min(0.1 * float(means[name].mean())).view(1, -1, 1, 1)
        assert torch.allclose(after[name] * scale, before[name], rtol=1e-3, atol=1e-4)
    for name in left_out:
        assert torch.allclose(after[name], before[name], rtol=1e-3, atol=1e-4)


# --- the table --------------------------------------------------------------------------------------------------------------------


def test_the_table_states_channels_and_sizes_of_the_network():
    for size in (16, 100, 224):
        features = VGG19((2, 3, 4, 5, 6))(torch.rand(1, 3, size, size), CONVOLUTIONS)
        rows = vgg.table(size, (2, 3, 4, 5, 6))
        assert [(row.name, row.channels, row.size, row.size) for row in rows] == [(n, *f.shape[1:]) for n, f in features.items()]
    assert [row.channels for row in vgg.table()] == [64] * 2 + [128] * 2 + [256] * 4 + [512] * 5
    with pytest.raises(ValueError, match="size=15: expected at least 16 px"):
        vgg.table(15)


def test_the_table_states_the_measured_field_and_stride():
    """What a unit sees is where its gradient is not zero, once no weight and no pooling hides a pixel from it."""
    network = VGG19((1, 1, 1, 1, 1), pooling="average")
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.2 if parameter.ndim == 4 else 0.0)

    def sees(layer: str, unit: int) -> tuple[int, int]:
        """First and last column of the picture that a unit of the middle row depends on."""
        picture = torch.ones(1, 3, 256, 320, requires_grad=True)
        features = network(picture, [layer])[layer]
        features[0, 0, features.shape[2] // 2, unit].backward()
        columns = picture.grad[0].abs().sum((0, 1)).nonzero().flatten()
        return int(columns[0]), int(columns[-1])

    for row in vgg.table():
        middle = 320 // row.stride // 2
        (first, last), (next_first, next_last) = sees(row.name, middle), sees(row.name, middle + 1)
        assert row.receptive_field == last - first + 1 and row.stride == next_first - first == next_last - last, row


# --- VGG-19 from elsewhere --------------------------------------------------------------------------------------------------------


@pytest.fixture
def caffe(torchvision_vgg, tmp_path) -> Path:
    """The network as Caffe's file has it: it reads BGR in [0, 255] with their mean taken off."""
    state = dict(torchvision_vgg.state_dict())
    state["features.0.weight"] = (state["features.0.weight"] / (255 * torch.tensor(IMAGENET_STD).view(3, 1, 1))).flip(1)
    torch.save(state, tmp_path / "caffe.pth")
    return tmp_path / "caffe.pth"


def features_of(torchvision_vgg, x: torch.Tensor, first: torch.Tensor) -> dict[str, torch.Tensor]:
    """By torchvision's layers, with the first convolution's weights in its place."""
    found, x = {}, F.conv2d(x, first, torchvision_vgg.features[0].bias, padding=1)
    found["conv1_1"] = x
    for i, layer in enumerate(torchvision_vgg.features[1:29], 1):
        x = layer(x.clone())  # its ReLUs work in place
        if i in FEATURES_INDEX:
            found[CONVOLUTIONS[FEATURES_INDEX.index(i)]] = x
    return found


def caffes_own(torchvision_vgg, file: Path, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
    bgr = 255 * pictures.flip(1) - torch.tensor([103.939, 116.779, 123.68]).view(3, 1, 1)
    return features_of(torchvision_vgg, bgr, torch.load(file, weights_only=True)["features.0.weight"])


def test_caffes_preprocessing_is_taken_in_exactly(caffe, torchvision_vgg, tmp_path):
    """At the borders, too, where zeros are padded to what is left of the picture without its mean."""
    pictures = torch.rand(2, 3, 40, 33)
    wanted, encoder = caffes_own(torchvision_vgg, caffe, pictures), VGG19.load(caffe, preprocessing="caffe")
    encoder.save(tmp_path / "kept.safetensors")
    again = VGG19.load(tmp_path / "kept.safetensors")
    for loaded in (encoder, again):
        for name, features in loaded(pictures, CONVOLUTIONS).items():
            torch.testing.assert_close(features, wanted[name], rtol=1e-4, atol=1e-4)
    assert again.sha256 == encoder.sha256 and again.metadata["source"] == "unknown"
    plain = VGG19.load(caffe, preprocessing="torchvision")
    assert not torch.allclose(plain(pictures, ["conv1_1"])["conv1_1"], wanted["conv1_1"], atol=0.5)
    plain.load_state_dict(encoder.state_dict())
    assert plain.sha256 != encoder.sha256  # the mean is part of what is computed


def test_a_checkpoint_is_known_by_its_digest_only(caffe, checkpoint, torchvision_vgg, tmp_path, monkeypatch):
    with pytest.warns(UserWarning, match="caffe.pth: unknown source.*preprocessing='caffe'") as told:
        encoder = VGG19.load(caffe)
    assert encoder.metadata["source"] == "unknown" and encoder.metadata["source_sha256"] == weights.sha256(caffe)
    assert Path(told[0].filename).name == Path(__file__).name  # the caller's line
    monkeypatch.setattr(vgg, "CAFFE_SHA256", weights.sha256(caffe)[:8])
    renamed = caffe.rename(tmp_path / "vgg19-dcbb9e9d.pth")  # a name says nothing
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        known = VGG19.load(renamed)
        monkeypatch.setattr(vgg, "IMAGENET_SHA256", weights.sha256(checkpoint))
        assert VGG19.load(checkpoint).metadata["source"] == "torchvision VGG19_Weights.IMAGENET1K_V1"
    assert "Caffe" in known.metadata["source"]
    pictures = torch.rand(1, 3, 32, 32)
    wanted = caffes_own(torchvision_vgg, renamed, pictures)["conv2_1"]
    torch.testing.assert_close(known(pictures, ["conv2_1"])["conv2_1"], wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore:.*unknown source")
@pytest.mark.parametrize("changed", [lambda s: {"state_dict": {f"module.{k}": v for k, v in s.items()}}, lambda s: {"model": s},
                                     lambda s: {k.removeprefix("features."): v for k, v in s.items() if "features" in k},
                                     lambda s: {f"vgg.{k}": v for k, v in s.items()}])  # fmt: skip
def test_vgg_in_others_wrappings(changed, torchvision_vgg, full, tmp_path):
    torch.save(changed(dict(torchvision_vgg.state_dict())), tmp_path / "VGG19.MODEL")
    assert VGG19.load(tmp_path / "VGG19.MODEL").sha256 == full.sha256


def test_other_vggs_are_called_what_they_are(tmp_path):
    for name, said in (("vgg16", "but VGG-16"), ("vgg19_bn", "but a VGG with batch normalisation")):
        letters = torchvision.models.vgg.cfgs[{"vgg16": "D", "vgg19_bn": "E"}[name]]
        slim = ["M" if n == "M" else n // 32 for n in letters]
        features = torchvision.models.vgg.make_layers(slim, batch_norm=name.endswith("bn"))
        torch.save({f"features.{k}": v for k, v in features.state_dict().items()}, tmp_path / f"{name}.pth")
        with pytest.raises(ValueError, match=f"{name}.pth: is not torchvision's VGG-19, {said}: it has no features"):
            VGG19.load(tmp_path / f"{name}.pth")
    torch.save({"fc.weight": torch.ones(2)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="other.pth: is not torchvision's VGG-19: it has no features.0.weight.* fc.weight"):
        VGG19.load(tmp_path / "other.pth")


@pytest.mark.parametrize(("arguments", "said"), [({"pooling": "avg"}, "pooling='avg'"), ({"padding": "mirror"}, "padding='mirror'"),
                                                 ({"preprocessing": "bgr"}, "preprocessing='bgr'"),
                                                 ({"preprocessing": "caffe"}, "preprocessing='caffe': .*its own")])  # fmt: skip
def test_a_wrong_argument_is_not_the_files_fault(arguments: dict, said: str):
    with pytest.raises(ValueError, match=f"^{said}"):
        VGG19.load("lite", **arguments)


def test_a_mean_that_is_none_is_named(tmp_path):
    for mean in ("grey", [1.0, 2.0], [[1.0]], None):
        weights.write(tmp_path / "odd.safetensors", "vgg19", VGG19((2, 2, 2, 2, 2)).state_dict(), {"mean": mean})
        with pytest.raises(ValueError, match="odd.safetensors: its mean is"):
            VGG19.load(tmp_path / "odd.safetensors")


def test_half_precision_reads_whole_pictures(lite):
    """A picture is float32, whatever the weights are."""
    picture = torch.rand(1, 3, 48, 48)
    wanted = lite(picture, ["relu3_1"])["relu3_1"]
    for dtype, tolerance in ((torch.float16, 0.02), (torch.bfloat16, 0.1), (torch.float64, 1e-4)):
        found = VGG19.load("lite").to(dtype)(picture, ["relu3_1"])["relu3_1"]
        assert found.dtype == dtype
        torch.testing.assert_close(found.float(), wanted, atol=tolerance, rtol=tolerance)


def test_the_encoder_is_float32_whatever_torchs_default_is(lite):
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        encoder = VGG19.load("lite")
        assert encoder(torch.rand(1, 3, 32, 32, dtype=torch.float32), ["relu1_1"])["relu1_1"].dtype == torch.float32
    finally:
        torch.set_default_dtype(before)
    assert encoder.sha256 == lite.sha256


def test_a_reflection_needs_twice_the_side():
    """Of a map of one pixel there is nothing to reflect: block b is reached at 2^b px, and with zeros at 2^(b - 1)."""
    assert [minimum_size(f"conv{b}_1", "reflect") for b in range(1, 6)] == [2, 4, 8, 16, 32]
    assert [minimum_size(f"relu{b}_1", p) for b in range(1, 6) for p in ("zeros", "replicate")] == [1, 1, 2, 2, 4, 4, 8, 8, 16, 16]
