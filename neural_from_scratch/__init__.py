"""Learned image codecs from scratch: gradients by hand, checked, and compiled.

    >>> import numpy as np
    >>> from neural_from_scratch import Tensor, ops
    >>> x = Tensor(np.array([1.0, 2.0, 3.0]), requires_grad=True)
    >>> loss = (ops.tanh(x) * x).sum()
    >>> loss.backward()
    >>> x.grad.round(3)
    array([1.182, 1.105, 1.025])

What is here so far is the engine: everything that learned codecs are made of and trained with. Read it in
this order.

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

All of it at work:

12. `demo`           a tiny autoencoder learns one photograph in half a minute

And behind it:

13. `arrays`         NumPy or CuPy: which module an array belongs to
14. `backend`        readable or compiled: who does the heavy work
15. `_kernels/`      the compiled path: convolutions, GDN, Adam

`pictures` reads and writes files, `plots` draws (the only file that imports Matplotlib, when asked), `cli` is
the command ``neural-from-scratch``.
"""

from . import ops
from .backend import use_backend
from .tensor import Tensor, checks_finite, no_grad

__all__ = ["Tensor", "checks_finite", "no_grad", "ops", "use_backend"]
