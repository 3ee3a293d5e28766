"""The lab: a miniature shop that really runs, with faults to inject. Imports nothing of AIRRA."""
