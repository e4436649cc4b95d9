export class PyDict {}
