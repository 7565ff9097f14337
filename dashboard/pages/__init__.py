"""The pages that people look at: one file a page, server-rendered, live by fetching their own regions again."""
