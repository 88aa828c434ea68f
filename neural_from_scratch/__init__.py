"""Learned image codecs from scratch: gradients by hand, checked, and compiled.

    >>> import numpy as np
    >>> from neural_from_scratch import decode, encode
    >>> picture = np.full((40, 60, 3), 200, np.uint8)
    >>> data = encode(picture, quality=3)
    >>> decode(data).shape
    (40, 60, 3)

Below the codec is an engine that any network can be made of:

    >>> from neural_from_scratch import Tensor, ops
    >>> x = Tensor(np.array([1.0, 2.0, 3.0]), requires_grad=True)
    >>> loss = (ops.tanh(x) * x).sum()
    >>> loss.backward()
    >>> x.grad.round(3)
    array([1.182, 1.105, 1.025])

Read it in this order. The engine first.

The tape:

 1. `tensor`         a `Tensor` remembers what made it; `backward` walks that memory from the end
 2. `ops`            operations, forward and backward side by side, each with its derivation – the table there
                     goes on from `elementwise` to `convolution` and `gdn`
 3. `gradcheck`      is a gradient right? central differences say

A network:

 4. `parameters`     how a network finds, names, hands out and takes back its weights
 5. `layers`         `Conv2d`, `ConvTranspose2d`, `GDN`, `Sequential`
 6. `init`           where first weights come from
 7. `quantization`   rounding, and the noise that stands for it while a network learns

Training:

 8. `losses`         MSE, PSNR, MS-SSIM, rate; what rate–distortion training adds up
 9. `optim`          Adam, clipping, warm-up and cosine
10. `seeds`          one seed, and from it independent streams
11. `checkpoint`     weights on disk, without pickle

12. `demo`           all of it at work: a tiny autoencoder learns one photograph in half a minute

A codec:

13. `models`         the factorised prior and the hyperpriors, as their papers' block diagrams
14. `entropy_models` how likely is each latent? a learned density for each channel
15. `gaussian_model` how likely, if side information says what to expect?
16. `entropy_tables` from probabilities to whole numbers
17. `range_coder`    from whole numbers to bytes: intervals and carry
18. `integer_hyperprior`, `integer_layers`  what to expect, the same on every machine
19. `latent_coding`  latents and the payload of a file
20. `container`      the file
21. `strips`         large pictures, a bounded amount of memory
22. `codec`          `encode` and `decode`
23. `rate_control`   so many bytes, or so good a picture
24. `refinement`     a search for better latents, for those who have time

Its weights:

25. `data`           crops of a folder of pictures, or pictures from nothing
26. `warm_start`     from the Karhunen–Loève transform to a network
27. `hyper_start`    from a factorised prior to a hyperprior
28. `train`          steps, checkpoints, exact resume
29. `weights`        what is shipped, and how a file of weights is made
30. `evaluation`     real files, measured
31. `interchange`    CompressAI's weights, in and out

And behind it:

32. `arrays`         NumPy or CuPy: which module an array belongs to
33. `backend`        readable or compiled: who does the heavy work
34. `_kernels/`      the compiled path: convolutions, GDN, densities, range coder, Adam

`pictures` reads and writes files, `plots/` draws (Matplotlib is imported nowhere else, and when asked), `cli`
and `commands/` are the command ``neural-from-scratch``.
"""

from . import ops
from .backend import use_backend
from .codec import decode, encode
from .rate_control import encode_to
from .tensor import Tensor, checks_finite, no_grad

__all__ = ["Tensor", "checks_finite", "decode", "encode", "encode_to", "no_grad", "ops", "use_backend"]
