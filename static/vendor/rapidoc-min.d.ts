// RapiDoc registers <rapi-doc> and exports nothing that is used here.
export {};
