"""Learn the dictionaries of source and target together (Peng et al., CVPR 2016)."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from simpgan.components.umdl.dictionaries import best_dictionary
from simpgan.components.umdl.domain import Domain, ridge_codes
from simpgan.components.umdl.graphs import IdentityGraph, Matrix, matched_across_cameras, no_links
from simpgan.components.umdl.settings import UmdlSettings

SHARED, OWN = 0, 1
"""Places of D and U among the target's dictionaries; the residual dictionary is the last."""


class Learner:
    """Holds the two data sets, and updates what they share.

    Args:
        source: [F, N] features of the labelled images.
        person: [N] int, the people on them.
        target: [F, M] features of the unlabelled images.
        camera: [M] int, the cameras that took them; -1 if unknown.
        settings: settings of the stage.
    """

    def __init__(
        self,
        source: NDArray,
        person: NDArray[np.int64],
        target: NDArray,
        camera: NDArray[np.int64],
        settings: UmdlSettings,
    ) -> None:
        self.settings, self.camera = settings, camera
        random = np.random.default_rng(settings.seed)
        shared, own, of_source, of_target = (random_atoms(random, len(source), settings.atoms) for _ in range(4))
        weights = (settings.graph_weight, settings.ridge)
        residual = settings.residual_weight**2
        self.source = Domain(source, IdentityGraph(person), [shared, of_source], (1, residual), *weights)
        self.target = Domain(target, no_links(target.shape[1]), [shared, own, of_target], (1, 1, residual), *weights)

    @property
    def domains(self) -> tuple[Domain, Domain]:
        """Source and target."""
        return self.source, self.target

    @property
    def steps(self) -> int:
        """Number of steps in all."""
        return self.settings.inner_steps * self.settings.outer_steps

    def train(self) -> Iterator[dict[str, float]]:
        """Do all steps and yield the losses after each; the target's graph is renewed every `inner_steps` steps."""
        for domain in self.domains:
            domain.initialise_codes()
        for step in range(self.steps):
            if step and step % self.settings.inner_steps == 0:
                self.link_target()
            self.step()
            yield self.losses()

    def step(self) -> None:
        """Update every code and every dictionary once, each to the optimum while the others stay."""
        for domain in self.domains:
            domain.update_codes()
            domain.update_residual_codes()
        self.update_shared_dictionary()
        self.target.update_dictionary(OWN)
        for domain in self.domains:
            domain.update_dictionary(len(domain.dictionaries) - 1)

    def update_shared_dictionary(self) -> None:
        """Update D by both data sets; the source counts by its weight squared."""
        of_source, of_target = (domain.dictionary_equations(SHARED) for domain in self.domains)
        weight = self.settings.source_weight**2
        shared = best_dictionary(weight * of_source[0] + of_target[0], weight * of_source[1] + of_target[1])
        for domain in self.domains:
            domain.dictionaries[SHARED] = shared

    def link_target(self) -> None:
        """Link target images of different cameras that look alike in the dictionaries learned so far."""
        codes = ridge_codes(self.target.dictionaries, self.target.images, self.settings.match_ridge)
        self.target.graph = matched_across_cameras(codes, self.camera, self.settings.match_floor)

    def losses(self) -> dict[str, float]:
        """Return the objective and its parts for source and target.

        Every step lowers the objective, except that a new graph changes it.
        """
        source, target = (domain.objective() for domain in self.domains)
        return {
            "loss/objective": self.settings.source_weight**2 * source + target,
            "loss/source": source,
            "loss/target": target,
        }


def random_atoms(random: np.random.Generator, features: int, atoms: int) -> Matrix:
    """Return a dictionary [F, K] of random directions of length 1."""
    directions = random.standard_normal((features, atoms))
    return directions / np.linalg.norm(directions, axis=0)
