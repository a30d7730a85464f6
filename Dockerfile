FROM node:24.21.0-trixie-slim

ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/var/lib/order-search
WORKDIR /app

# The image has Node 24 itself: without install scripts the dependency `node` does not bring a second one.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force

COPY LICENSE ./
COPY mappings mappings
COPY web web
COPY src src
COPY bin bin
# `docker compose exec order-search order-search --help`
RUN ln -s /app/bin/order-search.js /usr/local/bin/order-search

RUN mkdir -p "$DATA_DIR" && chown node:node "$DATA_DIR"
VOLUME /var/lib/order-search
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/live`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "src/main.ts"]
