def fast_stages():
    raise ModuleNotFoundError(name="numba")
