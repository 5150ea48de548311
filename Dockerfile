# One recipe for every container of the platform; each is a target, and docker-compose.yml builds them.
#
#   docker build --target program -t open-gazette .
#
# BASE is a Debian 12 with Python 3.11 and its venv. Where it cannot be pulled, make one of Debian's own packages:
# see docs/guides/containers.md.
ARG BASE=python:3.11-slim-bookworm

# --- what the program needs, every file checked against the hash in the lock
FROM ${BASE} AS environment
COPY requirements.lock /tmp/requirements.lock
RUN python3.11 -m venv /opt/gazette \
 && /opt/gazette/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-input \
      --require-hashes --no-deps -r /tmp/requirements.lock

# --- the program: `gazette`, as a user who owns nothing but the data
FROM ${BASE} AS program
RUN groupadd --gid 10001 gazette && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /srv/gazette gazette \
 && for folder in site blobs data jetstream secrets/gazette secrets/nats secrets/postgres; do \
      install -d -o gazette -g gazette -m 755 "/srv/gazette/$folder"; done
COPY --from=environment /opt/gazette /opt/gazette
COPY services /opt/gazette/program/services
COPY shared /opt/gazette/program/shared
COPY samples /opt/gazette/program/samples
COPY deploy/containers/healthy.py deploy/containers/prepare.sh /opt/gazette/
RUN echo /opt/gazette/program > /opt/gazette/lib/python3.11/site-packages/open_gazette.pth \
 && printf '#!/bin/sh\nexec /opt/gazette/bin/python -P -m services.cli "$@"\n' > /opt/gazette/bin/gazette \
 && chmod 755 /opt/gazette/bin/gazette /opt/gazette/prepare.sh \
 && /opt/gazette/bin/python -m compileall -q /opt/gazette/program
ENV PATH=/opt/gazette/bin:$PATH PYTHONUNBUFFERED=1 LANG=C.UTF-8
WORKDIR /srv/gazette
USER gazette
ENTRYPOINT ["gazette"]

# --- NATS: the server of the same wheel that `gazette up` runs
FROM program AS nats
COPY deploy/containers/nats.conf deploy/containers/nats.sh /etc/nats/
ENTRYPOINT ["sh", "/etc/nats/nats.sh"]

# --- PostgreSQL: Debian's; it takes the variables of the image `postgres`, which can stand in for it
FROM ${BASE} AS postgres
RUN apt-get update \
 && apt-get install -y --no-install-recommends postgresql-common \
 && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf \
 && apt-get install -y --no-install-recommends postgresql \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o postgres -g postgres -m 700 /var/lib/postgresql/data
COPY deploy/containers/postgres.sh /usr/local/bin/postgres.sh
ENV PGDATA=/var/lib/postgresql/data LANG=C.UTF-8
USER postgres
STOPSIGNAL SIGINT
ENTRYPOINT ["sh", "/usr/local/bin/postgres.sh"]

# --- OpenSearch: as it is on Maven Central, without plugins, TLS or passwords: for the network of these containers only
FROM ${BASE} AS opensearch-jars
RUN apt-get update && apt-get install -y --no-install-recommends maven && rm -rf /var/lib/apt/lists/*
COPY deploy/opensearch/pom.xml /build/
RUN cd /build && mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib -DincludeScope=runtime

FROM ${BASE} AS opensearch
# It needs Java 21, which Debian has from the next release on; a wheel's Java lacks the locales that it asks for.
RUN sed -i s/bookworm/trixie/g /etc/apt/sources.list.d/debian.sources && apt-get update \
 && apt-get install -y --no-install-recommends openjdk-21-jre-headless && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10002 opensearch && useradd --uid 10002 --gid 10002 --no-create-home --home-dir /nonexistent opensearch \
 && install -d -o opensearch -g opensearch -m 700 /srv/opensearch
COPY --from=opensearch-jars /build/lib /opt/opensearch/lib
COPY deploy/opensearch/conf/log4j2.properties deploy/opensearch/container/opensearch.yml /opt/opensearch/conf/
COPY deploy/containers/healthy.py /opt/gazette/
ENV HEAP=512m
WORKDIR /srv/opensearch
USER opensearch
ENTRYPOINT ["sh", "-c", "exec java -Xms$HEAP -Xmx$HEAP --enable-native-access=ALL-UNNAMED -cp '/opt/opensearch/lib/*' org.codelibs.opensearch.runner.OpenSearchRunner -basePath /srv/opensearch/nodes -confPath /opt/opensearch/conf -numOfNode 1 -baseHttpPort 9199 -clusterName gazette"]

# --- the web server in front: the site's files, and the way to the services
FROM ${BASE} AS web
RUN apt-get update && apt-get install -y --no-install-recommends nginx-light && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 gazette && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent gazette \
 && install -d -o gazette -g gazette -m 755 /srv/gazette/site /srv/gazette/blobs
COPY deploy/containers/nginx.conf /etc/nginx/nginx.conf
COPY deploy/containers/healthy.py deploy/containers/web.sh /opt/gazette/
USER gazette
STOPSIGNAL SIGQUIT
ENTRYPOINT ["sh", "/opt/gazette/web.sh"]
