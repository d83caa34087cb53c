"""Trained models on disk: a folder of names, versions and aliases that workers read and nobody can half-write."""
