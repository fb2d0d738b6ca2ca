#!/bin/sh
# Runs as root while the image is built: the one folder that the service writes to belongs to its user.
set -eu
mkdir -p /var/lib/recsys
chown "${BENTO_USER:-bentoml}:${BENTO_USER:-bentoml}" /var/lib/recsys
