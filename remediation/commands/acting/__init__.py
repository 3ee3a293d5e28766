"""What asks a target or changes it: the executor process only.

Imported by `remediation.tasks`, when one of its jobs runs, and by nothing else (an import contract
holds it so): the rest of AIRRA leaves a row here and learns from rows what came of it.
"""
