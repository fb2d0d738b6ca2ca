"""RecTools' SASRec, an epoch at a word: runs in its own environment and knows nothing of the project.

    rectools_sasrec.py '{"events": …, "asked": …, "lists": …, "model": {…}, "threads": 2, "seed": 0}'

``events`` and ``asked`` are Parquet: (user, item, place), oldest first, and (user). Each line on stdin (any but "stop")
lets it train one epoch more; it then writes the 20 best items of each asked user, seen ones removed, to ``lists`` and
answers {"epoch", "seconds"}: seconds of training since ``fit`` was called, its preparation included, its lists and
waiting not.
"""

import json
import sys
import time
import warnings

import numpy as np
import pandas as pd
import torch
from pytorch_lightning import Callback, Trainer, seed_everything
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel

PLACES = 20


class Turns(Callback):
    """Between two epochs: the lists as they stand, then wait to be let go on."""

    def __init__(self, asked, seen, path):
        self.asked, self.seen, self.path = asked, seen, path
        self.model = self.loader = self.users = None
        self.seconds, self.epoch, self.since = 0.0, 0, time.perf_counter()

    def __deepcopy__(self, memo):
        return self  # RecTools copies its trainer before it fits, and this must stay the one that is asked

    def on_train_epoch_end(self, trainer, module):
        self.seconds += time.perf_counter() - self.since
        self.epoch += 1
        self.write_lists(module)
        print(json.dumps({"epoch": self.epoch, "seconds": self.seconds}), flush=True)
        if sys.stdin.readline().strip() in ("stop", ""):
            trainer.should_stop = True
        self.since = time.perf_counter()

    def write_lists(self, module):
        if self.loader is None:
            self.prepare()
        vectors, items = module._get_user_item_embeddings(self.loader, "cpu")
        module.train()
        known = self.model.data_preparator.get_known_items_sorted_internal_ids()
        external = self.model.data_preparator.item_id_map.convert_to_external(known).astype(np.int64)
        place = np.full(int(external.max()) + 2, -1)
        place[external] = np.arange(len(external))
        parts = []
        with torch.no_grad():
            for start in range(0, len(vectors), 512):
                scores = vectors[start : start + 512] @ items[known].T
                for row, user in enumerate(self.users[start : start + 512]):
                    hidden = self.seen[user]
                    scores[row, place[hidden[hidden < len(place)]]] = -torch.inf
                best = torch.topk(scores, min(PLACES, scores.shape[1]), dim=1).indices.numpy()
                parts.append(external[best])
        lists = np.concatenate(parts)
        table = {"user": np.repeat(self.users, lists.shape[1]), "item": lists.ravel()}
        pd.DataFrame(table).to_parquet(self.path)

    def prepare(self):
        dataset = self.model.data_preparator.transform_dataset_u2i(self.whole, self.asked)
        self.users = dataset.user_id_map.external_ids
        self.loader = self.model.data_preparator.get_dataloader_recommend(dataset, 256)


def main():
    told = json.loads(sys.argv[1])
    warnings.filterwarnings("ignore")
    torch.set_num_threads(told["threads"])
    seed_everything(told["seed"])
    frame = pd.read_parquet(told["events"])
    asked = pd.read_parquet(told["asked"])["user"].to_numpy()
    seen = frame.groupby("user")["item"].apply(lambda items: np.unique(items.to_numpy())).to_dict()
    frame = frame.rename(columns={"user": Columns.User, "item": Columns.Item})
    frame[Columns.Weight] = 1.0
    frame[Columns.Datetime] = pd.Timestamp("2000-01-01") + pd.to_timedelta(frame.pop("place"), unit="s")
    turns = Turns(asked, seen, told["lists"])
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False}
    trainer = Trainer(max_epochs=1000, callbacks=[turns], accelerator="cpu", enable_checkpointing=False, **quiet)

    sys.stdin.readline()
    turns.since = time.perf_counter()
    turns.whole = Dataset.construct(frame)
    turns.model = SASRecModel(**told["model"])
    turns.model._trainer = trainer  # as get_trainer_func would, which wants a function that can be imported
    turns.model.fit(turns.whole)


if __name__ == "__main__":
    main()
