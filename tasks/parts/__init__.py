"""What several tasks are built of.

- `sizes`: what is asked of sizes and scales.
- `networks`: dense layers, and from features to the distributions of guides and models.
- `guides`: Gaussian guides that are shared by all datapoints, or that have a row of a table for each.
- `pixels`: how pixels are distributed given their logits.
- `image_sets`: the data sets of images, a class for each.
- `image_vae`: what all models of images share.
- `convolutions`: convolutional networks from images to features and back.
- `gaussian_vae`: guides and decoders of Gaussian latents, in one or two stochastic layers.
- `positive_vae`: guides and decoders of Gamma and Dirichlet latents.
- `sigmoid_belief`: layers of Bernoulli latents.
"""
