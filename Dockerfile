FROM node:24-slim
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional && npm cache clean --force
COPY schemas schemas
COPY clickhouse clickhouse
COPY services services
# docker build --build-arg COMMIT=$(git rev-parse HEAD)
ARG COMMIT=""
ENV METERHOUSE_COMMIT=$COMMIT
USER node
ENTRYPOINT ["node", "services/cli/main.ts"]
