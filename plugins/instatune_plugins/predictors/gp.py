"""Gaussian process: a mean, and how sure it is.

Rasmussen & Williams, "Gaussian processes for machine learning", 2006. The kernel is linear plus
Gaussian: what each choice adds by itself, and what choices do to each other; on one-hot features
the Gaussian part falls with the number of genes that differ. Widths are learned by maximum
likelihood on some of the rows, because each step costs the cube of their number.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from instatune.interfaces import Prediction
from instatune_plugins.predictors._standard import Array, Standardised

if TYPE_CHECKING:
    from instatune_plugins.predictors import GpConfig

_ROWS = 2048  # rows predicted at once


class Gp(Standardised):
    """Gaussian process with a linear plus Gaussian kernel and noise."""

    config: GpConfig

    @property
    def note(self) -> str:
        """The kernel that was learned."""
        return f"gp, {self._kernel}" if self._learned else "gp, constant"

    def predict(self, x: Array) -> Prediction:
        """Predict mean and standard deviation of the noiseless value."""
        if not self._learned:
            return Prediction(np.full(len(x), self._scale.mean), np.zeros(len(x)))
        blocks = [self._block(x[start : start + _ROWS]) for start in range(0, len(x), _ROWS)]
        mean = np.concatenate([mean for mean, _ in blocks]) if blocks else np.empty(0)
        std = np.concatenate([std for _, std in blocks]) if blocks else np.empty(0)
        return Prediction(self._scale.mean + self._scale.std * mean, self._scale.std * std)

    def _learn(self, x: Array, y: Array) -> None:
        from scipy.linalg import cholesky, solve_triangular

        rng = np.random.default_rng(self.seed)
        some = np.sort(rng.permutation(len(y))[: self.config.rows])
        self._kernel = self._widths(x[some], y[some])
        covariance = self._kernel(x) + 1e-8 * np.eye(len(y))
        lower = cholesky(covariance, lower=True)
        # In single precision: what is left of a variance near 0 is clipped.
        inverse = solve_triangular(lower, np.eye(len(y)), lower=True)
        self._inverse = np.asfortranarray(inverse, dtype=np.float32)
        self._duals = np.asarray(inverse.T @ (inverse @ y), dtype=np.float32)
        self._known = x.astype(np.float32)
        self._squares = (self._known**2).sum(axis=1)
        linear, gaussian = self._kernel.k1.k1, self._kernel.k1.k2
        self._linear = np.float32(linear.k1.constant_value)
        self._gaussian = np.float32(gaussian.k1.constant_value)
        self._width = float(gaussian.k2.length_scale)

    def _widths(self, x: Array, y: Array) -> Any:
        """Kernel of maximum likelihood."""
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import (
            RBF,
            ConstantKernel,
            DotProduct,
            WhiteKernel,
        )

        width = np.sqrt(max(1.0, x.sum(axis=1).mean()))  # genes that two networks may differ in
        kernel = (
            ConstantKernel(0.1, (1e-4, 1e2)) * DotProduct(1.0, sigma_0_bounds="fixed")
            + ConstantKernel(0.5, (1e-3, 1e2)) * RBF(width, (0.3 * width, 30 * width))
            + WhiteKernel(0.1, (1e-4, 1.0))
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # widths at a bound, an early end
            model = GaussianProcessRegressor(kernel, optimizer=self._ascend, random_state=0)
            return model.fit(x, y).kernel_

    def _ascend(self, loss: Any, start: Array, bounds: Array) -> tuple[Array, float]:
        from scipy.optimize import minimize

        found = minimize(
            loss, start, jac=True, bounds=bounds, options={"maxiter": self.config.steps}
        )
        return found.x, float(found.fun)

    def _answer(self, x: Array) -> Array:
        return self._block(x)[0]

    def _block(self, x: Array) -> tuple[Array, Array]:
        from scipy.linalg.blas import strmm

        rows = x.astype(np.float32)
        across, prior = self._signal(rows), self._linear * (1.0 + (rows**2).sum(axis=1))
        explained = strmm(1.0, self._inverse, across.T, lower=1)  # [known, rows]
        variance = prior + self._gaussian - np.einsum("ij,ij->j", explained, explained)
        mean = np.asarray(across @ self._duals, dtype=np.float64)
        return mean, np.sqrt(np.maximum(variance, 0.0, dtype=np.float64))

    def _signal(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Kernel without noise between new rows and known ones: one matrix product, in place."""
        dots = x @ self._known.T
        nearness = -2.0 * dots
        nearness += (x**2).sum(axis=1)[:, None]
        nearness += self._squares
        nearness *= np.float32(-0.5 / self._width**2)
        np.exp(nearness, out=nearness)
        nearness *= self._gaussian
        dots += np.float32(1.0)
        dots *= self._linear
        nearness += dots
        return np.asarray(nearness)
