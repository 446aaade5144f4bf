"""Easemob and Agora Chat: one backend family, a descendant of Apache Usergrid, with two sets of quotas."""
