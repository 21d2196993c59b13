# The server on Node 24, started directly: no launcher, no npm, no shell in between, so signals reach it.
#
#   docker build -t vidimus .
#   docker build -t vidimus --build-arg BASE=IMAGE --build-arg BUILD_BASE=IMAGE .
#
# BUILD_BASE needs Node 24, npm and a shell; BASE needs Node 24 and nothing else. Both must be for the same processor
# and C library. What runs may be read-only but for the volume: the server writes nowhere else.
ARG BASE=node:24-bookworm-slim
ARG BUILD_BASE=node:24-bookworm-slim

FROM ${BUILD_BASE} AS packages
WORKDIR /opt/vidimus
COPY package.json package-lock.json .npmrc ./
# The image brings its Node, so the pinned one (optional) is left out.
RUN npm ci --omit=dev --omit=optional
RUN mkdir -p /made && mkdir -m 0700 /made/data

FROM ${BASE}
WORKDIR /opt/vidimus
COPY --from=packages --chown=1000:1000 /made/ /
COPY --from=packages /opt/vidimus/node_modules ./node_modules
COPY package.json LICENSE ./
COPY migrations ./migrations
COPY src ./src
# User 1000 is "node" in the official images; it needs no name.
USER 1000:1000
VOLUME /data
ENV NODE_ENV=production \
    VIDIMUS__DATA=/data \
    VIDIMUS__SERVER__HOST=0.0.0.0
EXPOSE 4443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s --retries=3 \
    CMD ["node", "--disable-sigusr1", "src/main.ts", "healthcheck"]
ENTRYPOINT ["node", "--disable-sigusr1", "src/main.ts"]
CMD ["serve"]
