# The server on Node 24, started directly: no launcher, no npm, no shell in between, so signals reach it.
ARG BASE=node:24-bookworm-slim

FROM ${BASE} AS packages
WORKDIR /opt/vidimus
COPY package.json package-lock.json .npmrc ./
# The image brings its Node, so the pinned one (optional) is left out.
RUN npm ci --omit=dev --omit=optional

FROM ${BASE}
WORKDIR /opt/vidimus
COPY --from=packages /opt/vidimus/node_modules ./node_modules
COPY package.json LICENSE* ./
COPY bin ./bin
COPY migrations ./migrations
COPY packaging/probe.js ./packaging/probe.js
COPY src ./src
# User 1000 is "node" in the official images.
RUN install -d -o 1000 -g 1000 -m 0700 /var/lib/vidimus /run/vidimus
USER 1000:1000
VOLUME /var/lib/vidimus
ENV NODE_ENV=production \
    VIDIMUS__DATA=/var/lib/vidimus \
    VIDIMUS__SERVER__HOST=0.0.0.0
EXPOSE 4443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["node", "packaging/probe.js", "/run/vidimus/ready.json"]
ENTRYPOINT ["node", "--disable-sigusr1", "src/main.ts"]
CMD ["serve", "--ready-file", "/run/vidimus/ready.json"]
