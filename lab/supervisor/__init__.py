"""The supervisor: starts the shop's processes, keeps them alive, collects what they tell."""
