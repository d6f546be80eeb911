"""The words of radiomics settings: families, image types, aggregations, and pyradiomics' spelling of each."""

from __future__ import annotations

__all__ = [
    "AGGREGATED",
    "AGGREGATIONS",
    "BINLESS",
    "FAMILIES",
    "IBSI_FAMILIES",
    "IMAGE_TYPES",
    "INTERPOLATORS",
    "NORMS",
    "OF_IMAGE_TYPE",
    "PEER_NAMES",
    "PEER_TYPES",
]

FAMILIES = ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
IBSI_FAMILIES = (
    "morphology",
    "local_intensity",
    "statistics",
    "intensity_histogram",
    "volume_histogram",
    "glcm",
    "glrlm",
    "glszm",
    "gldzm",
    "ngtdm",
    "ngldm",
)
BINLESS = ("shape", "shape2D", "morphology", "local_intensity", "statistics", "volume_histogram")
AGGREGATED = ("glcm", "glrlm", "glszm", "gldzm", "ngtdm", "ngldm")
AGGREGATIONS = ("2D_avg", "2D_comb", "2_5D_avg", "2_5D_comb", "3D_avg", "3D_comb")
IMAGE_TYPES = (
    "original",
    "log",
    "wavelet",
    "square",
    "squareroot",
    "logarithm",
    "exponential",
    "gradient",
    "lbp2d",
    "lbp3d",
)
INTERPOLATORS = (
    "linear",
    "bspline",
    "nearest",
    "gaussian",
    "label_gaussian",
    "hamming",
    "cosine",
    "welch",
    "lanczos",
    "blackman",
)
NORMS = ("manhattan", "euclidean", "infinity", "no_weighting")
OF_IMAGE_TYPE = (
    "bin_width",
    "bin_count",
    "bin_origin",
    "distances",
    "weighting_norm",
    "symmetrical_glcm",
    "gldm_alpha",
    "array_shift",
    "force_2d",
    "force_2d_axis",
)
# pyradiomics' own spelling, so that a line copied from a parameter file is answered with the right name
PEER_NAMES = {
    "binWidth": "bin_width",
    "binCount": "bin_count",
    "normalize": "normalise",
    "normalizeScale": "normalise_scale",
    "removeOutliers": "normalise_clip",
    "resampledPixelSpacing": "resample_mm",
    "interpolator": "interpolator",
    "padDistance": "pad_voxels",
    "preCrop": "pre_crop",
    "resegmentRange": "resegment",
    "resegmentMode": "resegment_mode",
    "resegmentShape": "resegment_shape",
    "correctMask": "correct_mask",
    "geometryTolerance": "geometry_tolerance",
    "label": "label",
    "distances": "distances",
    "force2D": "force_2d",
    "force2Ddimension": "force_2d_axis",
    "weightingNorm": "weighting_norm",
    "symmetricalGLCM": "symmetrical_glcm",
    "gldm_a": "gldm_alpha",
    "voxelArrayShift": "array_shift",
    "sigma": "log_sigma_mm",
    "wavelet": "wavelet",
    "start_level": "wavelet_start",
    "level": "wavelet_levels",
    "gradientUseSpacing": "gradient_spacing",
    "lbp2DRadius": "lbp2d_radius",
    "lbp2DSamples": "lbp2d_samples",
    "lbp2DMethod": "lbp2d_method",
    "lbp3DLevels": "lbp3d_levels",
    "lbp3DIcosphereRadius": "lbp3d_radius",
    "lbp3DIcosphereSubdivision": "lbp3d_subdivision",
    "minimumROIDimensions": "minimum_dimensions",
    "minimumROISize": "minimum_voxels",
}
PEER_TYPES = {
    "original": "Original",
    "log": "LoG",
    "wavelet": "Wavelet",
    "square": "Square",
    "squareroot": "SquareRoot",
    "logarithm": "Logarithm",
    "exponential": "Exponential",
    "gradient": "Gradient",
    "lbp2d": "LBP2D",
    "lbp3d": "LBP3D",
}
