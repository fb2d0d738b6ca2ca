"""Campaigns as people work with them: states, approval, dry runs, previews, exposure, webhooks."""
