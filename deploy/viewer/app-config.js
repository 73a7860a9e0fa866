// OHIF for Cutis: one archive, reached through the address the viewer itself is served from.
// `cutis viewer` serves this file; a web server in front of OHIF can serve it as it is.
window.config = {
  name: 'cutis',
  routerBasename: null,
  extensions: [],
  modes: [],
  customizationService: [{ 'ohif.tours': { $set: [] } }], // it would lie over the result
  showStudyList: true,
  maxNumberOfWebWorkers: 2,
  showLoadingIndicator: true,
  showCPUFallbackMessage: false,
  showWarningMessageForCrossOrigin: false,
  strictZSpacingForVolumeViewport: true,
  groupEnabledModesFirst: true,
  investigationalUseDialog: { option: 'never' }, // every result says so itself
  disableConfirmationPrompts: true, // or a link to a SEG would ask before it shows it
  httpErrorHandler: error => console.warn('the archive answered', error?.status ?? error),
  maxNumRequests: { interaction: 100, thumbnail: 5, prefetch: 5 },
  defaultDataSourceName: 'pacs',
  dataSources: [
    {
      namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
      sourceName: 'pacs',
      configuration: {
        friendlyName: 'PACS',
        name: 'pacs',
        qidoRoot: '/dicom-web',
        wadoRoot: '/dicom-web',
        wadoUriRoot: '/dicom-web', // not used: frames come by WADO-RS
        imageRendering: 'wadors',
        thumbnailRendering: 'wadors',
        qidoSupportsIncludeField: false,
        supportsReject: false,
        supportsFuzzyMatching: false,
        supportsWildcard: true,
        enableStudyLazyLoad: true,
        staticWado: false,
        dicomUploadEnabled: false,
        omitQuotationForMultipartRequest: true, // Orthanc reads the quotes as part of the type
        bulkDataURI: { enabled: true, relativeResolution: 'studies' },
      },
    },
  ],
};
