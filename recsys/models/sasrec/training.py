"""From a recipe and data to a model: how many epochs is chosen on the holdout, and a killed fit goes on."""

import math
import os
from dataclasses import replace

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from recsys.content import Vocabulary
from recsys.dataset.data import Dataset, Holdout
from recsys.errors import FitError
from recsys.models.recipe import FitContext
from recsys.models.sasrec import encoder
from recsys.models.sasrec.forward import Block
from recsys.models.sasrec.model import SASRecModel, Tables
from recsys.models.sasrec.recipe import DEFAULT_EPOCHS, MAX_EPOCHS, SASRec
from recsys.models.sasrec.trainee import Trainee
from recsys.nn.checkpoint import Checkpoint, fingerprint
from recsys.nn.fit import State, fit
from recsys.nn.ranks import Ranks, ranks
from recsys.nn.threads import threads


def train(recipe: SASRec, data: Dataset, ctx: FitContext) -> SASRecModel:
    """The fitted model; its recipe says how many epochs it took."""
    content = _content(data) if recipe.content else None
    with ranks(ctx.device) as peers, threads(_threads(ctx, peers)):
        if not peers.leads:
            ctx = replace(ctx, report=lambda step, metrics: None)
        trainee = Trainee(data, content, recipe, ctx, peers)
        state = _run(trainee, ctx, _checkpoint(recipe, data, content, ctx), peers)
        return exported(trainee.recipe.model_copy(update={"epochs": state.best_epoch}), trainee)


def _content(data: Dataset) -> sp.csr_matrix | None:
    """(items, features), None where the catalogue says nothing of the items."""
    rows = Vocabulary.fit(data.catalogue).transform(data.catalogue)
    return rows if rows.shape[1] else None


def _threads(ctx: FitContext, peers: Ranks) -> int:
    """All cores are shared by the processes of this machine."""
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if peers.world > 1 else 1
    return ctx.threads or max(1, (os.cpu_count() or 1) // local)


def _run(trainee: Trainee, ctx: FitContext, checkpoint: Checkpoint | None, peers: Ranks) -> State:
    recipe = trainee.recipe
    open_ended = recipe.epochs is None and ctx.holdout is not None and len(ctx.holdout) > 0
    most = MAX_EPOCHS if open_ended else recipe.epochs or DEFAULT_EPOCHS
    state = State()
    if checkpoint is not None:
        state = _resumed(trainee, checkpoint, peers)

    def save(now: State) -> None:
        if checkpoint is not None and peers.leads:
            checkpoint.save(now, trainee.snapshot())

    patience = recipe.patience if open_ended else None
    late = (lambda: peers.agreed(int(ctx.late)) > 0) if patience is not None else (lambda: False)
    state = fit(trainee, most, patience, ctx.report, state, after_epoch=save, late=late)
    if checkpoint is not None and peers.leads:
        checkpoint.remove()
    return state


def _resumed(trainee: Trainee, checkpoint: Checkpoint, peers: Ranks) -> State:
    found = checkpoint.load()
    state = State()
    if found is not None:
        state, saved = found
        trainee.restore(saved)
    if peers.agreed(state.epoch) != state.epoch:
        raise FitError(
            f"The processes found different states in {checkpoint.path.parent}; give them one shared folder."
        )
    return state


def _checkpoint(recipe: SASRec, data: Dataset, content: sp.csr_matrix | None, ctx: FitContext) -> Checkpoint | None:
    if ctx.checkpoint is None:
        return None
    events = [np.asarray(column) for column in (data.user, data.item, data.time, data.positive)]
    described = [] if content is None else [content.indptr, content.indices, content.data]
    identity = {
        "recipe": recipe.params(),
        "seed": ctx.seed,
        "data": fingerprint(*events, *described, np.array([data.n_items, data.returns])),
        "holdout": None if ctx.holdout is None else _asked(ctx.holdout),
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
    }
    return Checkpoint(ctx.checkpoint, recipe.name, identity)


def _asked(holdout: Holdout) -> str:
    """The fingerprint of what a holdout asks."""
    queries, nothing = holdout.queries, np.zeros(0, np.int32)
    lists = ([query.items for query in queries], [query.times for query in queries], holdout.truth, holdout.exclude)
    flat = [np.concatenate([nothing, *parts]) for parts in lists]
    lengths = [np.array([len(part) for part in parts], np.int64) for parts in lists]
    return fingerprint(*flat, *lengths, np.array([query.at for query in queries]))


def exported(recipe: SASRec, trainee: Trainee) -> SASRecModel:
    """The model that a finished trainee amounts to: content summed in, the norms' scales and shifts multiplied in."""
    tables = {name: table.cpu().double() for name, table in trainee.weights().items()}
    vectors = encoder.items(trainee.weights(), trainee.content).cpu().double()
    kept = Tables(
        items=_plain(vectors),
        places=_plain(tables["place"]),
        gaps=_plain(tables.get("gap", torch.zeros((0, recipe.factors)))),
        norm=_plain(tables["norm"]),
        heard=trainee.known,
        known=~trainee.abstains,
    )
    blocks = tuple(_block(tables, at, recipe.heads) for at in range(recipe.blocks))
    return SASRecModel(recipe, blocks, recipe.heads, kept)


def _block(tables: encoder.Tables, at: int, heads: int) -> Block:
    def part(name: str) -> Tensor:
        return tables[f"block{at}.{name}"]

    d = part("out").shape[0]
    cool = torch.ones(3 * d, dtype=torch.float64)
    cool[:d] = 1 / math.sqrt(d / heads)  # of the attention
    scale, shift = part("norm_in")
    qkv, qkv_bias = part("qkv") * scale[:, None] * cool, shift @ part("qkv") * cool
    middle, offset = part("norm_mid")
    arrays = (
        qkv[:, :d],
        qkv_bias[:d],
        qkv[:, d:],
        qkv_bias[d:],
        part("out"),
        part("inner") * middle[:, None],
        part("inner_bias") + offset @ part("inner"),
        part("outer"),
        part("outer_bias"),
    )
    return Block(*(_plain(array) for array in arrays))


def _plain(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.float().numpy())
