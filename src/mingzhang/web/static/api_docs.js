// The API's description, read from this host only: no validator badge, no outside fonts, nothing kept.
"use strict";

const place = document.getElementById("api");
SwaggerUIBundle({
  domNode: place,
  url: place.dataset.schema,
  validatorUrl: null,
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
});
