FROM node:24-slim
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional && npm cache clean --force
COPY schemas schemas
COPY clickhouse clickhouse
COPY services services
USER node
ENTRYPOINT ["node", "services/cli/main.ts"]
