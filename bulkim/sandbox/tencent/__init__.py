"""Tencent Chat."""
