export const handler = async (event, context) => {
  console.log(`hello from ${process.version}`);
  return { hello: event.name ?? "world", node: process.versions.node, requestId: context.awsRequestId };
};
