# docker build -t bulkim .
# docker run --rm -v "$PWD:/work" -v bulkim:/journal -e EASEMOB_CLIENT_ID -e EASEMOB_CLIENT_SECRET bulkim run job.yaml --confirm APP:COUNT
#
# Runs as any user (`--user 12345`): what is written lies in /work (jobs and lists) and /journal (the journal, and the
# quota that runs of this host share: mount one volume there for all containers of a host).
FROM python:3.13-slim AS build
COPY pyproject.toml constraints.txt README.md LICENSE /src/
COPY bulkim /src/bulkim
RUN python -m venv /usr/local/bulkim && /usr/local/bulkim/bin/pip install --no-cache-dir --constraint /src/constraints.txt /src

FROM python:3.13-slim
COPY --from=build /usr/local/bulkim /usr/local/bulkim
RUN mkdir -m 1777 /work /journal
ENV PATH=/usr/local/bulkim/bin:$PATH \
    HOME=/journal \
    XDG_STATE_HOME=/journal/state \
    BULKIM_JOURNAL=/journal/bulkim.db \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /work
USER 10001
VOLUME ["/journal"]
ENTRYPOINT ["bulkim"]
CMD ["--help"]
