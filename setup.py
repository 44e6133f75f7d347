"""Packaging only: the distribution, its explicit packages, and what each extra brings.

The packages are listed one by one, never found: ``tests``, ``configs`` and ``benchmarks`` must not
end up as top-level packages of somebody's environment, and a test compares the wheel with this list.
``pipeline/configs`` is a link to ``configs``: an installed command has the shipped recipes, too.
Bounds are those that were tried; the exact versions are in requirements.lock.
"""

from setuptools import setup

setup(
    name="witnessmark",
    version="0.1.0",
    description="Builds annotated datasets of real and AI-generated images, videos and documents that others can trust",
    license_expression="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11,<3.14",
    packages=[
        "schemas",
        "schemas.geometry",
        "schemas.media",
        "annotators",
        "annotators.consensus",
        "annotators.forensics",
        "annotators.labelstudio",
        "annotators.labelstudio_server",
        "annotators.machines",
        "annotators.models",
        "annotators.models.batch",
        "annotators.models.conventions",
        "annotators.people",
        "annotators.segmenters",
        "pipeline",
        "pipeline.agreement",
        "pipeline.cards",
        "pipeline.commands",
        "pipeline.evaluation",
        "pipeline.exports",
        "pipeline.gallery",
        "pipeline.hub",
        "pipeline.metrics",
        "pipeline.planting",
        "pipeline.report",
        "pipeline.routing",
        "pipeline.shortcuts",
        "pipeline.sources",
    ],
    package_data={
        "pipeline": ["configs/*/*.yaml", "configs/*/*.md"],
        "pipeline.cards": ["*.jinja"],
        "pipeline.gallery": ["*.html", "*.css", "*.js"],
        "pipeline.report": ["*.jinja", "*.css", "*.js"],
    },
    install_requires=[
        "aiohttp>=3.14,<4",
        "apache-beam>=2.77,<2.78",
        "av>=18,<19",
        "datasets>=5.2,<6",
        "genai-prices>=0.2.3",
        "httpx>=0.28,<1",
        "httpx2>=2.16,<3",  # what the Hub's client raises
        "huggingface-hub>=2.4,<3",
        "jinja2>=3.1",
        "json-repair>=0.44",
        "label-studio-sdk>=2.1,<3",
        "markupsafe>=3",
        "numpy>=2.2",
        "opencv-python-headless>=4.12,<4.13",  # the Label Studio SDK stops below 4.13; this caps numpy below 2.3
        "packaging>=24",
        "pillow>=12.1.1,<13",
        "pyarrow>=24,<26",  # datasets needs 24, Beam stops below 26
        "pybase64>=1.4",
        "pycocotools>=2.0.11",
        "pydantic>=2.12,<3",
        "pypdfium2>=5.15,<6",
        "PyYAML>=6",
        "rich>=14",
        "scikit-image>=0.26",
        "scikit-learn>=1.8,<2",
        "scipy>=1.17",
        "shapely>=2.1",
        "typer>=0.29",
    ],
    extras_require={
        # What datasets' Video() and Pdf() features decode with; torchcodec also needs FFmpeg's shared libraries.
        "view": ["torch>=2.8", "torchcodec>=0.7", "pdfplumber>=0.11.4"],
        # Models of the SAM family for the machine segment, in ONNX or as transformers saves them.
        "segment": ["onnxruntime>=1.23"],
        "segment-torch": ["safetensors>=0.6", "torch>=2.8", "transformers>=5,<6"],
        "dataflow": ["apache-beam[gcp]>=2.77,<2.78", "build", "setuptools>=77"],
    },
    entry_points={"console_scripts": ["witnessmark = pipeline.__main__:main"]},
)
