"""Packaging only: the distribution, its explicit packages, and what each extra brings."""

from setuptools import setup

setup(
    name="witnessmark",
    version="0.1.0",
    description="Builds annotated datasets of real and AI-generated images, videos and documents that others can trust",
    license="Apache-2.0",
    python_requires=">=3.11,<3.14",
    packages=[
        "schemas",
        "schemas.media",
        "annotators",
        "annotators.machines",
        "annotators.people",
        "pipeline",
        "pipeline.sources",
        "pipeline.exports",
    ],
    install_requires=[
        "apache-beam>=2.77,<2.78",
        "av>=18,<20",
        "datasets>=5.2,<6",
        "genai-prices>=0.2.3",
        "jinja2>=3.1",
        "numpy>=2.2",
        "openai[aiohttp]>=3.52,<4",
        "opencv-python-headless>=4.12",
        "pdqhash>=0.2.8",
        "pillow>=12.1.1,<13",
        "pyarrow>=24,<26",
        "pycocotools>=2.0.11",
        "pydantic>=2.12,<3",
        "pypdfium2>=5.15,<6",
        "PyYAML>=6",
        "rich>=14",
        "scikit-image>=0.26",
        "shapely>=2.1",
        "typer>=0.29",
    ],
    extras_require={
        "view": ["torch", "torchcodec", "pdfplumber>=0.11"],
        "dataflow": ["apache-beam[gcp]>=2.77,<2.78"],
    },
    entry_points={"console_scripts": ["witnessmark = pipeline.__main__:main"]},
)
