# One image for everything of ours: the four programs, karcis-load, and what docker-compose.yml's one-shot services "setup" and "migrate"
# need. Which of them a container is, its command says.
#
# Health is asked with bash, which the base image has anyway (stack/compose/ready). psql is taken out of its package, because
# the package wants all of perl.
FROM debian:bookworm-slim AS build
WORKDIR /karcis
COPY stack/install stack/
RUN stack/install build \
    && cd /tmp && apt-get -qq download postgresql-client-15 && dpkg -x postgresql-client-15_*.deb psql

COPY Makefile ./
COPY stack/sql-header stack/
COPY common common
COPY publisher publisher
COPY aggregator aggregator
COPY ticket-worker ticket-worker
COPY payment-worker payment-worker
COPY bench/load bench/load
RUN make -j "$(nproc)" build && strip build/bin/*


FROM debian:bookworm-slim
RUN apt-get -qq update \
    && apt-get -qq install --yes --no-install-recommends ca-certificates libevent-core-2.1-7 libevent-extra-2.1-7 \
        libhiredis0.14 libjansson4 libpq5 libreadline8 libsodium23 >/dev/null \
    && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log

# The volumes that "setup" fills take their owner from these folders.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin karcis \
    && mkdir /setup && cd /setup \
    && install -d -o karcis -g karcis secrets redis postgres publisher aggregator ticket-worker payment-worker

# 755: a clone made under a strict umask must work too.
COPY --from=build /tmp/psql/usr/lib/postgresql/15/bin/psql /usr/local/bin/
COPY --chmod=755 schema /karcis/schema
COPY --chmod=755 stack /karcis/stack
COPY --from=build /karcis/build/bin /karcis/bin
ENV PATH=/karcis/bin:/usr/local/bin:/usr/bin:/bin
USER 10001:10001
CMD ["publisher", "--help"]
