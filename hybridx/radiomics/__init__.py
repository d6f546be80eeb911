"""One lesion in one image -> radiomics features: the engine, its two vocabularies, and how robust each value is."""

from hybridx._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Features": "roi",
        "Habitats": "habitats",
        "LesionVoxels": "channel_voxels",
        "Levels": "roi",
        "Perturbation": "perturbations",
        "Radiomics": "engine",
        "RadiomicsSettings": "settings",
        "Reliability": "repeats",
        "Roi": "roi",
        "Subregions": "subregions",
        "compliance": "ibsi_compliance",
        "core_rim": "subregions",
        "divide_lesion": "subregions",
        "draw_perturbations": "perturbations",
        "extract_radiomics": "engine",
        "grow": "perturb_mask",
        "icc": "intraclass",
        "lesion_voxels": "channel_voxels",
        "measure_radiomics": "engine",
        "noise_level": "perturb_image",
        "own_habitats": "habitats",
        "pyradiomics_textures": "torch_pyradiomics",
        "randomise_contour": "perturb_mask",
        "randomise_supervoxels": "perturb_mask",
        "reliability": "repeats",
        "resize": "perturb_mask",
        "robustness": "measured_again",
        "subregion_features": "subregions",
        "texture_features": "torch_textures",
    },
)
