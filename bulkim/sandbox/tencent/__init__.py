"""Tencent Chat: every command is a POST, every answer a 200, and the error codes say how it went."""
