"""`recsys demo`: the whole loop on a real data set, through the same commands and API that everybody uses."""
