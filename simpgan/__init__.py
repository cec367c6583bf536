"""SimPGAN: cross-dataset person re-identification.

The code lives in the folders `components/` and `pipelines/` beside this one. They are imported as `simpgan.components`
and `simpgan.pipelines` through the links in this folder, so that an installed copy claims the name `simpgan` only.
"""
