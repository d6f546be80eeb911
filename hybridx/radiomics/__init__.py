"""One lesion in one image -> radiomics features: the engine, its two vocabularies, and how robust each value is."""

from hybridx._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Features": "roi",
        "Levels": "roi",
        "Roi": "roi",
    },
)
