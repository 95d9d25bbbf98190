"""Every dataset: its files with checksum and public addresses, and whom it is owed to."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class File:
    """One file of a dataset.

    Attributes:
        path: relative to the cache folder, with `/`.
        sha256: of the content; of the unzipped content where `gzip_allowed`.
        size: in bytes, as it is downloaded; of the unzipped content where `gzip_allowed`.
        mirrors: addresses in the order in which they are tried; none where no public address could be verified.
        gzip_allowed: whether `path` may also lie in the cache as `path.gz`.
    """

    path: str
    sha256: str
    size: int
    mirrors: tuple[str, ...] = ()
    gzip_allowed: bool = False

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Dataset:
    """A named group of files.

    Attributes:
        summary: what it holds, on one line.
        licence: the licence where one is stated, and whom to credit.
        files: what it consists of.
        published: whether the checksums are published by somebody else, or recorded from the files that we tested with.
    """

    summary: str
    licence: str
    files: tuple[File, ...]
    published: bool

    @property
    def folder(self) -> str:
        """The folder in the cache that holds every file."""
        return self.files[0].path.partition("/")[0]

    @property
    def fetchable(self) -> bool:
        """Whether every file has a public address."""
        return all(file.mirrors for file in self.files)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def _files(
    folder: str, mirrors: tuple[str, ...], *rows: tuple[str, int, str], gzip_allowed: bool = False
) -> tuple[File, ...]:
    return tuple(
        File(f"{folder}/{name}", sha256, size, tuple(base + name for base in mirrors), gzip_allowed)
        for name, size, sha256 in rows
    )


_MNIST_FILES = _files(
    "mnist",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    ("train-images-idx3-ubyte.gz", 9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
    ("train-labels-idx1-ubyte.gz", 28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    ("t10k-images-idx3-ubyte.gz", 1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
    ("t10k-labels-idx1-ubyte.gz", 4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
)
_FASHION_FILES = _files(
    "fashion_mnist",
    (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ),
    ("train-images-idx3-ubyte.gz", 26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
    ("train-labels-idx1-ubyte.gz", 29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
    ("t10k-images-idx3-ubyte.gz", 4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
    ("t10k-labels-idx1-ubyte.gz", 5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
)
_BINARIZED_FILES = _files(
    "binarized_mnist",
    ("http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/",),
    ("binarized_mnist_train.amat", 78_400_000, "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d"),
    ("binarized_mnist_valid.amat", 15_680_000, "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2"),
    ("binarized_mnist_test.amat", 15_680_000, "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c"),
    gzip_allowed=True,
)
_OMNIGLOT_FILES = _files(
    "omniglot",
    (),
    ("omniglot28_area_resized.npz", 4_141_892, "3719bf90a5753ed72e06c0e1490164360f05495de130d1216753d29f6cacf73e"),
)
_OMNIGLOT_RAW_FILES = _files(
    "omniglot",
    ("https://raw.githubusercontent.com/brendenlake/omniglot/master/python/",),
    ("images_background.zip", 9_464_212, "ad41ab679c8b5d90b271ef46be6987cc81211774a695c29dcc5367b2b26ee640"),
    ("images_evaluation.zip", 6_462_886, "1f61a8f3366785b057fc117d9228e78a16e3d976c8953b2a10fcc74cf0609cee"),
)
_CALTECH_FILES = _files(
    "caltech101_silhouettes",
    ("https://people.cs.umass.edu/~marlin/data/",),
    (
        "caltech101_silhouettes_28_split1.mat",
        872_124,
        "eb6735e8d84b1850fabc5590124aab1755e90c9fd28123585324398405e1e42a",
    ),
)
_FACES_FILES = _files(
    "faces",
    (),
    ("freyfaces.npy", 1_100_528, "13a0cd943fe56c8a2f4c05bc670b097ae2fda4f9d3a0d5215277712ac02f12e6"),
    ("orl_faces.zip", 3_773_790, "1bb04cf8e0c11f663b2414ecb8196d6dcce252a97aa859e7adf61748a5da2271"),
)
_CORPORA_FILES = _files(
    "corpora",
    (),
    ("ap/ap.dat", 1_926_195, "ef1003dad74df696cdd3bab85e7c1d20a3eb1494a9e847e899224894d5ccf6d9"),
    ("ap/vocab.txt", 85_532, "fbf0d0f836cb2b0360bd3cae0f71c2f34b140b1dd8dd0d0bdb618a64704337f6"),
    ("reuters395/reuters.ldac", 375_693, "4bfe5b21ed263334ddf7af56f7b38632f6ccae7d9441c8b56071167841e71b5e"),
    ("reuters395/reuters.titles", 31_902, "fac5f54e85f07852d0edaede84642806b08e3c437e24597f79aae0aa82d5d7ee"),
    ("reuters395/reuters.tokens", 32_760, "8fc788b258bb76f9e352885cc20971d64e0011b8d74781129d060818930e3d5a"),
)
_LOGISTIC_FILES = _files(
    "logistic",
    (),
    ("a9a", 2_327_314, "7ba53cccb27e2e525f0fb173e1f446d49856e3fb007eb43be4ec6d0f5b3335ca"),
    ("a9a.t", 1_164_628, "1f448a153f0320399a7e40836eb207655b0bde0f21fc941cc472193daa9f5de9"),
    ("australian.dat", 30_654, "ccc64bf31674bc1c282e11f9ba2bb3c5777ca15f03e3d96142ed0817bf7fedce"),
    ("german.dat", 99_793, "ec6cec3501e2deaacbc0c3ea341b0f5ef42483746a4a60b9d70c9cff83412229"),
    ("sonar.dat", 87_545, "3db22f5ece13d019e43617217524f1072b1eae5275c69040517b784c52427b0d"),
)

DATASETS: Final[dict[str, Dataset]] = {
    "mnist": Dataset(
        "handwritten digits, 60 000 + 10 000, 28×28 grey",
        "CC BY-SA 3.0, Y. LeCun, C. Cortes, C. Burges",
        _MNIST_FILES,
        published=True,
    ),
    "fashion_mnist": Dataset(
        "clothes, 60 000 + 10 000, 28×28 grey",
        "MIT, Zalando SE",
        _FASHION_FILES,
        published=True,
    ),
    "binarized_mnist": Dataset(
        "MNIST, binarized once by Salakhutdinov & Murray, 50 000 + 10 000 + 10 000",
        "no licence stated; H. Larochelle, R. Salakhutdinov, I. Murray",
        _BINARIZED_FILES,
        published=True,
    ),
    "omniglot": Dataset(
        "32 460 drawn characters, area-averaged to 28×28 (not the split of the IWAE paper)",
        "MIT, B. Lake, R. Salakhutdinov, J. Tenenbaum",
        _OMNIGLOT_FILES,
        published=False,
    ),
    "omniglot_raw": Dataset(
        "the same characters as drawn, 105×105, by alphabet",
        "MIT, B. Lake, R. Salakhutdinov, J. Tenenbaum",
        _OMNIGLOT_RAW_FILES,
        published=True,
    ),
    "caltech101_silhouettes": Dataset(
        "silhouettes of objects, 4100 + 2264 + 2307, 28×28 binary",
        "no licence stated; B. Marlin, K. Swersky, B. Chen, N. de Freitas",
        _CALTECH_FILES,
        published=False,
    ),
    "faces": Dataset(
        "Frey faces (1965, 28×20 grey) and ORL faces (400, 112×92 grey)",
        "no licence stated; B. Frey, S. Roweis; AT&T Laboratories Cambridge",
        _FACES_FILES,
        published=False,
    ),
    "corpora": Dataset(
        "word counts (LDA-C): Associated Press, 2246 documents; Reuters, 395 documents",
        "no licence stated; D. Blei (AP), Reuters Ltd.",
        _CORPORA_FILES,
        published=False,
    ),
    "logistic": Dataset(
        "two-class tables: a9a, australian, german, sonar",
        "no licence stated; UCI machine learning repository, LIBSVM (a9a), KEEL (the others)",
        _LOGISTIC_FILES,
        published=False,
    ),
}
