"""Ratios of whole processes; nothing here is a test."""
