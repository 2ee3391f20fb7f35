def recipe(name): raise NotImplementedError
def recipes(): return ()
