"""How the steps flow. Celery lives here and above, nowhere below."""
